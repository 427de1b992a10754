"""The weight files of a model folder, and whether they are whole."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

INDEX = "model.safetensors.index.json"
PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth")
HEADER_LIMIT = 100_000_000
"""As in the safetensors library: a longer header is no header."""


def has_safetensors(folder: Path) -> bool:
    return (folder / INDEX).exists() or any(folder.glob("*.safetensors"))


def has_pickles(folder: Path) -> bool:
    return any(any(folder.glob(pattern)) for pattern in PICKLES)


@dataclass
class Weights:
    """What is wrong with a folder's safetensors; `bytes` are those of the tensors found."""

    problems: list[str] = field(default_factory=list)
    bytes: int = 0


def inspect_safetensors(folder: Path) -> Weights:
    """Holds each shard's size against its header, and its tensors against the index. Reads no tensor."""
    found = Weights()
    wanted = indexed_tensors(folder, found.problems)
    if wanted is None:
        wanted = {file.name: set() for file in sorted(folder.glob("*.safetensors"))}
    for name, tensors in wanted.items():
        path = folder / name
        if not path.is_file():
            found.problems.append(f"{name} is missing")
            continue
        try:
            header, expected = read_header(path)
        except ValueError as error:
            found.problems.append(f"{name}: {error}")
            continue
        size = path.stat().st_size
        if size != expected:
            found.problems.append(f"{name} has {size} bytes, its header says {expected}")
        found.bytes += sum(entry["data_offsets"][1] - entry["data_offsets"][0] for entry in header.values())
        absent = sorted(tensors - header.keys())
        if absent:
            found.problems.append(f"{name} lacks {len(absent)} tensors of the index, {absent[0]} first")
    return found


def indexed_tensors(folder: Path, problems: list[str]) -> dict[str, set[str]] | None:
    """Tensors by shard; None where there is no index."""
    if not (folder / INDEX).is_file():
        return None
    try:
        weight_map = json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"]
        shards: dict[str, set[str]] = {}
        for tensor, shard in weight_map.items():
            shards.setdefault(Path(shard).name, set()).add(tensor)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problems.append(f"{INDEX} cannot be read: {type(error).__name__}: {error}")
        return None
    return dict(sorted(shards.items()))


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """Tensors by name, and the bytes that the file must have. Throws ValueError."""
    with open(path, "rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise ValueError("it is too short for a safetensors file")
        (length,) = struct.unpack("<Q", start)
        if length > HEADER_LIMIT:
            raise ValueError("it is no safetensors file")
        try:
            header = json.loads(file.read(length))
            header.pop("__metadata__", None)
            end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"its header cannot be read: {type(error).__name__}") from None
    return header, 8 + length + end
