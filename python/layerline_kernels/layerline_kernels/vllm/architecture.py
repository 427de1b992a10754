"""Whether vLLM has a model class. Imports vllm."""

from __future__ import annotations

from typing import Any

from layerline_kernels.huggingface import architecture as transformers_architecture


def is_known(config: dict[str, Any]) -> bool:
    """Whether vLLM has one of its architectures, or runs it by transformers' class of it."""
    from vllm import ModelRegistry

    supported = set(ModelRegistry.get_supported_archs())
    names = config.get("architectures") or []
    return any(name in supported for name in names) or transformers_architecture.is_known(config)
