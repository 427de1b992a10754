"""Which files of a repository are wanted, and how much of them is there."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from pathlib import Path

from layerline_kernels.hub.options import Refused

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
OTHER_FORMATS = ("*.h5", "*.msgpack", "*.onnx", "*.onnx_data", "*.gguf", "*.tflite", "*.ot", "*.mlmodel", "*.pb")
"""Weights for other frameworks."""


def wanted_files(sizes: Mapping[str, int], safetensors_only: bool) -> dict[str, int]:
    """The files to fetch, with bytes: safetensors rather than pickles, and no weights twice. Throws Refused."""
    kept = {n: size for n, size in sizes.items() if not matches(n, OTHER_FORMATS) and not n.startswith(".")}
    top = [name for name in kept if "/" not in name]
    if any(name.endswith(".safetensors") for name in top):
        # What lies in folders beside them is the original's layout, the same weights once more.
        return {n: s for n, s in kept.items() if not matches(n, PICKLES) and not ("/" in n and n.endswith(".safetensors"))}
    if safetensors_only and any(matches(name, PICKLES) for name in top):
        raise Refused("pickle_only", "its weights are pickles, which can run code; safetensors are asked for")
    return kept


def matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def short_files(snapshot: Path, wanted: Mapping[str, int]) -> list[str]:
    """Those that are not there with their size."""
    return [name for name, size in wanted.items() if file_size(snapshot / name) != size]


def file_size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
