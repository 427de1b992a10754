"""Runs of tracers in the tests' own process: torch is imported once. Imports torch."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch

from layerline_kernels.request import Request
from layerline_kernels.tracers.base import Tracer
from layerline_kernels.tracers.registry import load_tracers
from layerline_kernels.worker import run


class TracerTest(unittest.TestCase):
    """With one model, made by `make`, for all tests of a class."""

    make: ClassVar[Callable[[Path], Path]]
    folder: ClassVar[Path]
    model: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.model = cls.make(cls.folder / "model")

    def setUp(self) -> None:
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()

    def trace(self, tracer: str | Tracer, mode: str = "eval", code: int = 0, **more: Any) -> Traced:
        out = self.folder / "out" / self.id().rsplit(".", 1)[-1] / mode
        chosen = load_tracers()[tracer] if isinstance(tracer, str) else tracer
        sizes = {"input_tokens": 5, "output_tokens": 3, **more}
        request = Request("huggingface", self.model, out, chosen.name, mode=mode, **sizes)
        events = io.StringIO()
        errors = io.StringIO()
        with contextlib.redirect_stdout(events), contextlib.redirect_stderr(errors):
            ended = run(request, chosen)
        self.assertEqual(ended, code, errors.getvalue())
        return Traced(out, [json.loads(line) for line in events.getvalue().splitlines() if line.startswith("{")])


class Traced:
    """What a run left behind."""

    def __init__(self, folder: Path, events: list[dict[str, Any]]) -> None:
        self.folder = folder
        self.events = events
        self.marker: dict[str, Any] = self.json("_TRACE_STATUS.json")

    @property
    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = self.marker["facts"]
        return facts

    @property
    def phases(self) -> list[str]:
        return [event["phase"] for event in self.events if event["event"] == "phase"]

    def json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))
