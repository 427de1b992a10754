"""A number to train towards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from layerline_kernels.errors import Unsupported


def scalar_loss(out: Any) -> tuple[Any, str]:
    """The model's own loss (`model`), else the mean square of its outputs (`mean_square`): every output gets a gradient."""
    import torch

    loss = getattr(out, "loss", None)
    if loss is not None:
        return (loss if loss.dim() == 0 else loss.mean()), "model"
    outputs = [t for t in tensors(out) if t.is_floating_point() and t.requires_grad]
    if not outputs:
        raise Unsupported("none of its outputs has a gradient, so it cannot be trained")
    return torch.stack([t.float().square().mean() for t in outputs]).sum(), "mean_square"


def tensors(out: Any) -> Iterator[Any]:
    import torch

    if isinstance(out, torch.Tensor):
        yield out
    elif isinstance(out, dict):
        for value in out.values():
            yield from tensors(value)
    elif isinstance(out, (list, tuple)):
        for value in out:
            yield from tensors(value)
