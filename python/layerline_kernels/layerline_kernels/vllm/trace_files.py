"""The traces that vLLM's workers wrote, one a rank."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

RANK = re.compile(r"(?:rank|tp)[-_]?(\d+)")


def collect_traces(source: Path, target: Path) -> list[Path]:
    """Moves them to `trace.json.gz` (rank 0), `trace-rank1.json.gz`, … and removes the folder. In order of rank."""
    found = sorted(source.rglob("*.pt.trace.json.gz"), key=rank_of)
    moved = []
    for number, file in enumerate(found):
        path = target / ("trace.json.gz" if number == 0 else f"trace-rank{number}.json.gz")
        shutil.move(file, path)
        moved.append(path)
    shutil.rmtree(source, ignore_errors=True)
    return moved


def rank_of(file: Path) -> tuple[int, str]:
    match = RANK.search(file.name)
    return (int(match[1]) if match else 0, file.name)
