"""The engine's steps in a trace, by the names that vLLM gives them."""

from __future__ import annotations

import re

from layerline_kernels.profiles.kineto import Event

STEP = re.compile(r"execute_context_(\d+)\((\d+)\)_generation_(\d+)\((\d+)\)")


def count_steps(events: list[Event]) -> dict[str, int]:
    """How many steps only prefill, only decode, do both, or run nothing."""
    counts = {"prefill": 0, "decode": 0, "mixed": 0, "empty": 0}
    for event in events:
        match = STEP.match(event.name) if event.category == "user_annotation" else None
        if match is None:
            continue
        prefills, decodes = int(match[1]), int(match[3])
        kind = "mixed" if prefills and decodes else "prefill" if prefills else "decode" if decodes else "empty"
        counts[kind] += 1
    return counts
