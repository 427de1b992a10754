"""What is asked of a fetch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FetchOptions:
    """`cache_dir` None is huggingface_hub's own: HF_HUB_CACHE, or `hub` in HF_HOME."""

    model: str
    cache_dir: Path | None = None
    revision: str = "main"
    workers: int = 4
    timeout_s: float = 3600
    offline: bool = False
    force_download: bool = False
    min_free_bytes: int = 0
    safetensors_only: bool = False


class Refused(Exception):
    """A model that cannot be had; `reason` is one of REASONS."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


EXIT_CODES = {
    "gated": 2,
    "missing": 2,
    "offline": 2,
    "pickle_only": 2,
    "unreachable": 3,
    "timeout": 3,
    "incomplete": 3,
    "no_space": 4,
}
REASONS = tuple(EXIT_CODES)
