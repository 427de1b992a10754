"""Prompts as tokens: exact lengths, the same with each seed."""

from __future__ import annotations

import random
from typing import Any

from layerline_kernels.errors import Unsupported
from layerline_kernels.request import Request


def random_prompts(model_config: Any, request: Request, seed: int) -> list[dict[str, list[int]]]:
    """A batch of prompts in vLLM's form. Throws Unsupported where the model has no room for them."""
    generated = 0 if model_config.runner_type == "pooling" else request.output_tokens
    room = model_config.max_model_len
    if request.input_tokens + generated > room:
        raise Unsupported(f"it has room for {room} tokens, fewer than {request.input_tokens} + {generated}")
    chance = random.Random(seed)
    size = model_config.get_vocab_size()
    return [
        {"prompt_token_ids": [chance.randrange(size) for _ in range(request.input_tokens)]}
        for _ in range(request.batch)
    ]
