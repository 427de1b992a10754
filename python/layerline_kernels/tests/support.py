"""What the tests share: runs of the program, and small files."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class FolderTest(unittest.TestCase):
    """With a folder of its own."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)


def start(
    *arguments: str | Path, env: dict[str, str] | None = None, preexec: Callable[[], None] | None = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "layerline_kernels", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        preexec_fn=preexec,
    )


class Ended:
    """A run that has ended: its exit code, its lines of JSON, its stderr."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        out, self.stderr = process.communicate(timeout=600)
        self.code = process.returncode
        self.lines: list[Any] = [json.loads(line) for line in out.splitlines()]

    @property
    def last(self) -> dict[str, Any]:
        assert self.lines, self.stderr
        last: dict[str, Any] = self.lines[-1]
        return last


def program(*arguments: str | Path, env: dict[str, str] | None = None, preexec: Callable[[], None] | None = None) -> Ended:
    return Ended(start(*arguments, env=env, preexec=preexec))


def safetensors(tensors: dict[str, int]) -> bytes:
    """A file of zeros: F32 values by tensor."""
    header: dict[str, Any] = {}
    end = 0
    for name, values in tensors.items():
        header[name] = {"dtype": "F32", "shape": [values], "data_offsets": [end, end + 4 * values]}
        end += 4 * values
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)
