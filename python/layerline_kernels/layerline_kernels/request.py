"""What is asked of a run, parsed once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FRAMEWORKS = ("huggingface", "vllm")
MODES = ("eval", "train")
DEVICES = ("auto", "cpu", "cuda")
DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Request:
    """`device` is what was asked for; the framework says which one it became. `config` is for the tracer and the framework."""

    framework: str
    model_path: Path
    output_dir: Path
    tracer: str
    model_id: str = ""
    mode: str = "eval"
    device: str = "auto"
    dtype: str = "auto"
    compile: bool = False
    batch: int = 1
    input_tokens: int = 128
    output_tokens: int = 16
    tensor_parallel_size: int = 1
    trust_remote_code: bool = False
    allow_pickle: bool = False
    seed: int = 0
    config: dict[str, Any] = field(default_factory=dict)
