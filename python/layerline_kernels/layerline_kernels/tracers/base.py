"""What every tracer is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from layerline_kernels.request import Request


class Tracer(ABC):
    """Runs a loaded model once and writes what it saw into a folder of its own.

    `ctx` of `run` is a `huggingface.context.Context` or a `vllm.context.Context`. Tracers with the same `exclusive_group`
    hold state of the process that they would spoil for each other: one process, one tracer. Nothing heavy may be imported
    when the module is: tracers are listed without torch.
    """

    name: ClassVar[str]
    description: ClassVar[str] = ""
    version: ClassVar[str] = "1"
    frameworks: ClassVar[tuple[str, ...]] = ("huggingface",)
    exclusive_group: ClassVar[str | None] = None
    modes: ClassVar[tuple[str, ...]] = ("eval", "train")
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    requires: ClassVar[tuple[str, ...]] = ("torch", "transformers")
    files: ClassVar[Mapping[str, str]] = {}
    """What it writes: name to what is in it."""
    takes_compiled: ClassVar[bool] = True
    """Whether it can trace a model that `--compile` has compiled."""

    def prepare(self, request: Request) -> None:
        """Called before the framework is imported and the model is loaded: the time to set what both read."""

    @abstractmethod
    def run(self, ctx: Any, output_dir: Path) -> dict[str, Any] | None:
        """Traces; what it returns goes into the marker's `facts`. An exception is the run's failure."""
