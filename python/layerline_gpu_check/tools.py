"""Runs Layerline and other programs, within the time that is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from layerline_gpu_check.outcome import NotPossible


# Layerline's exit code for what this machine lacks.
MISSING = 4


class Tools:
    """`command`: how Layerline is started; `python`: the one with PyTorch."""

    def __init__(self, command: list[str], folder: Path, python: str, budget_s: float) -> None:
        self.command = command
        self.folder = folder
        self.python = python
        self.ends = time.monotonic() + budget_s

    def left(self) -> float:
        return self.ends - time.monotonic()

    def run(self, args: list[str], most_s: float) -> subprocess.CompletedProcess[str]:
        """A program and its output; it and all it started end when the time is over. Throws NotPossible where none is left."""
        limit = min(most_s, self.left())
        if limit < 1:
            raise NotPossible("no time left")
        child = subprocess.Popen(
            args,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, err = child.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGTERM)
            try:
                out, err = child.communicate(timeout=5)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                out, err = child.communicate()
            err += f"\nended after {limit:.0f} s"
        return subprocess.CompletedProcess(args, child.returncode, out, err)

    def layerline(self, *args: str, most_s: float = 60) -> str:
        """Its standard output; throws RuntimeError with its last words where it fails, NotPossible where something is missing."""
        done = self.run([*self.command, *args], most_s)
        if done.returncode == MISSING:
            raise NotPossible(last_words(done))
        if done.returncode != 0:
            raise RuntimeError(f"layerline {args[0]} ended with {done.returncode}: {last_words(done)}")
        return done.stdout

    def sql(self, run: str, statement: str) -> list[dict[str, Any]]:
        return json.loads(self.layerline("sql", run, statement, "--json"))


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return " ".join(lines[-3:])[-400:]
