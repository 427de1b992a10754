"""What a tracer of a vLLM engine is given."""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass, field
from typing import Any

from layerline_kernels.errors import MissingDependency, Unsupported
from layerline_kernels.events import phase
from layerline_kernels.hub.weights import has_safetensors
from layerline_kernels.request import Request
from layerline_kernels.vllm.prompts import random_prompts


@dataclass
class Context:
    """`run()` sends one batch to the engine and waits for it: text, or an embedding where the model makes those."""

    request: Request
    device: str
    engine: Any
    facts: dict[str, Any] = field(default_factory=dict)
    _runs: int = 0

    @property
    def mode(self) -> str:
        return self.request.mode

    @property
    def model_class(self) -> str:
        return str(self.engine.model_config.architecture)

    def run(self) -> None:
        # Other prompts each time: the engine keeps what it has computed for a prompt.
        prompts = random_prompts(self.engine.model_config, self.request, self.request.seed + self._runs)
        self._runs += 1
        phase("prefill")
        if self.engine.model_config.runner_type == "pooling":
            task = self.engine.pooling_task
            self.engine.encode(prompts, pooling_task=task, use_tqdm=False)
            self.facts.update(runner="pooling", pooling_task=task)
            return
        from vllm import SamplingParams

        exact = SamplingParams(
            max_tokens=self.request.output_tokens, temperature=0.0, ignore_eos=True, detokenize=False
        )
        outputs = self.engine.generate(prompts, exact, use_tqdm=False)
        made = sum(len(output.outputs[0].token_ids) for output in outputs)
        self.facts.update(runner="generate", output_tokens=made)

    def warm_up(self) -> None:
        """A run that is not to be traced."""
        phase("warmup")
        self.run()

    def close(self) -> None:
        """Ends the engine's processes."""
        self.engine = None
        gc.collect()


def open_context(request: Request) -> Context:
    """Starts the engine on the model. One process where it needs only one: what goes wrong in it is then seen here."""
    if request.tensor_parallel_size == 1:
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from vllm.platforms import current_platform

    device = "cpu" if current_platform.is_cpu() else "cuda"
    if request.device not in ("auto", device):
        raise MissingDependency(request.device, f"this vLLM is built for {device}, not for {request.device}")
    if device == "cpu":
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    import vllm

    try:
        engine = vllm.LLM(**engine_arguments(request))
    except ValueError as error:
        # vLLM asks for one even where all texts come as tokens.
        if "Tokenizer not available" in str(error):
            raise Unsupported("vLLM takes models that embed or classify only with a tokenizer, and this has none") from error
        raise
    facts = {
        "vllm": vllm.__version__,
        "compile": request.compile,
        "dtype": str(engine.model_config.dtype).removeprefix("torch."),
        "batch": request.batch,
        "input_tokens": request.input_tokens,
        "tensor_parallel_size": request.tensor_parallel_size,
    }
    return Context(request, device, engine, facts)


def engine_arguments(request: Request) -> dict[str, Any]:
    """What `vllm.LLM` gets; `config.engine_arguments` has the last word."""
    folder = request.model_path
    arguments: dict[str, Any] = {
        "model": str(folder),
        "dtype": request.dtype,
        "seed": request.seed,
        "enforce_eager": not request.compile,
        "tensor_parallel_size": request.tensor_parallel_size,
        "trust_remote_code": request.trust_remote_code,
        "load_format": "safetensors" if has_safetensors(folder) else "auto",
        "skip_tokenizer_init": not has_tokenizer(request),
    }
    return {**arguments, **request.config.get("engine_arguments", {})}


def has_tokenizer(request: Request) -> bool:
    """Prompts are tokens, so that a model can do without one."""
    names = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.txt", "vocab.json")
    return any((request.model_path / name).is_file() for name in names)
