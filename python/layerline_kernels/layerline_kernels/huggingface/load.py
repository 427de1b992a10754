"""Loads a model from its folder; nothing is fetched."""

from __future__ import annotations

from typing import Any

from layerline_kernels.errors import MissingDependency
from layerline_kernels.huggingface.architecture import Kind, model_class, read_config
from layerline_kernels.hub.weights import has_safetensors
from layerline_kernels.request import Request


def choose_device(asked: str) -> str:
    """`cpu` or `cuda`. Throws MissingDependency where CUDA is asked for and torch sees no device."""
    import torch

    if asked == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if asked == "cuda":
        raise MissingDependency("cuda", "torch sees no CUDA device on this machine")
    return "cpu"


def load_model(request: Request, device: str) -> tuple[Any, Kind, dict[str, Any]]:
    """The model on its device in the mode asked for, its kind, and facts about it."""
    import torch

    folder = request.model_path
    cls, kind = model_class(read_config(folder), request.trust_remote_code)
    model, info = cls.from_pretrained(
        folder,
        dtype="auto" if request.dtype == "auto" else getattr(torch, request.dtype),
        use_safetensors=True if has_safetensors(folder) else None,
        trust_remote_code=request.trust_remote_code,
        local_files_only=True,
        output_loading_info=True,
        **request.config.get("model_arguments", {}),
    )
    model = model.to(device)
    model.train(request.mode == "train")
    parameters = list(model.parameters())
    facts = {
        "kind": kind,
        "dtype": str(next((p.dtype for p in parameters), None)).removeprefix("torch."),
        "parameters": sum(p.numel() for p in parameters),
        "weights_bytes": sum(p.numel() * p.element_size() for p in parameters),
        # Not in the files, so made up at random: the figures are those of the architecture.
        "weights_made_up": sorted(info["missing_keys"]),
    }
    return model, kind, facts
