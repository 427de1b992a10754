"""An operator's inputs as a text that can be read back: the notation of PyTorch's operator benchmarks. Imports torch."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._dtype_abbrs import dtype_abbrs
from torch.utils._pytree import tree_map


class Verbatim:
    """Shows itself as the text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def input_text(args: Any, kwargs: dict[str, Any]) -> str:
    """Like `((T([2, 8], f16), 1), {})`."""
    return repr((tree_map(abbreviated, tuple(args)), tree_map(abbreviated, dict(kwargs))))


def abbreviated(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return Verbatim(tensor_text(value))
    if isinstance(value, torch.dtype):
        return Verbatim(dtype_abbrs[value])
    if isinstance(value, (torch.device, torch.layout, torch.memory_format, torch.Generator)):
        # A generator's own text is its address.
        return Verbatim("generator" if isinstance(value, torch.Generator) else str(value))
    return value


def tensor_text(tensor: torch.Tensor) -> str:
    shape = list(tensor.shape)
    dtype = dtype_abbrs[tensor.dtype]
    if tensor.layout != torch.strided:
        return f"ST({shape}, {dtype}, layout={tensor.layout})"
    stride = "" if tensor.is_contiguous() else f", stride={tuple(tensor.stride())}"
    return f"T({shape}, {dtype}{stride})"
