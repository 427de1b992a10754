"""Inputs made from a model's config: exact sizes, the same with each seed, no tokenizer needed."""

from __future__ import annotations

from typing import Any

from layerline_kernels.errors import Unsupported
from layerline_kernels.huggingface.architecture import Kind
from layerline_kernels.request import Request

SPEECH_SAMPLES = 16_000
SPEECH_FRAMES = 3_000


def make_inputs(model: Any, kind: Kind, request: Request, device: str) -> dict[str, Any]:
    """Keyword arguments of one forward pass without a cache. Throws Unsupported for inputs that no rule here makes."""
    name = getattr(model, "main_input_name", "input_ids")
    config = text_config(model)
    if name == "input_ids":
        check_length(config, kind, request)
        ids = random_tokens(config, request.batch, request.input_tokens, device)
        made: dict[str, Any] = {"input_ids": ids, "attention_mask": ids.new_ones(ids.shape)}
    else:
        made = {name: other_input(model, name, request.batch, device)}
    if getattr(model.config, "is_encoder_decoder", False):
        made["decoder_input_ids"] = decoder_start(model, config, request.batch, device)
    return made


def text_config(model: Any) -> Any:
    get = getattr(model.config, "get_text_config", None)
    return model.config if get is None else get()


def random_tokens(config: Any, batch: int, tokens: int, device: str) -> Any:
    import torch

    size = getattr(config, "vocab_size", None)
    if not isinstance(size, int) or size < 1:
        raise Unsupported("its config names no vocab_size, so there is no input to give it")
    return torch.randint(0, size, (batch, tokens), device=device)


def check_length(config: Any, kind: Kind, request: Request) -> None:
    generated = request.output_tokens if kind == "causal" and request.mode == "eval" else 0
    limit = getattr(config, "max_position_embeddings", None)
    if isinstance(limit, int) and request.input_tokens + generated > limit:
        raise Unsupported(f"it has {limit} positions, fewer than {request.input_tokens} + {generated} tokens")


def decoder_start(model: Any, config: Any, batch: int, device: str) -> Any:
    import torch

    for holder in (model.config, config):
        start = getattr(holder, "decoder_start_token_id", None)
        if isinstance(start, int):
            break
    else:
        start = getattr(config, "bos_token_id", None) or 0
    return torch.full((batch, 1), start, dtype=torch.long, device=device)


def other_input(model: Any, name: str, batch: int, device: str) -> Any:
    """Images, waveforms and spectrograms, of the size that the config names."""
    import torch

    config = model.config
    dtype = model.dtype
    if name == "pixel_values":
        vision = getattr(config, "vision_config", config)
        size = getattr(vision, "image_size", None)
        sides = tuple(size) if isinstance(size, (list, tuple)) else (size, size)
        if not all(isinstance(side, int) for side in sides):
            raise Unsupported("its config names no image_size, so there is no image to give it")
        return torch.rand((batch, getattr(vision, "num_channels", 3), *sides), device=device, dtype=dtype)
    if name == "input_values":
        return torch.rand((batch, SPEECH_SAMPLES), device=device, dtype=dtype)
    if name == "input_features" and isinstance(getattr(config, "num_mel_bins", None), int):
        frames = 2 * getattr(config, "max_source_positions", SPEECH_FRAMES // 2)
        return torch.rand((batch, config.num_mel_bins, frames), device=device, dtype=dtype)
    raise Unsupported(f"it takes {name}, which is not made here")
