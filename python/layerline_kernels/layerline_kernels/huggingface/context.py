"""What a tracer of a Hugging Face model is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from layerline_kernels.events import phase
from layerline_kernels.huggingface.load import choose_device, load_model
from layerline_kernels.huggingface.workload import Workload
from layerline_kernels.request import Request


@dataclass
class Context:
    """`run()` runs the workload once, with `--compile` by the compiled model; `run(call)` by what the tracer made."""

    request: Request
    device: str
    model: Any
    workload: Workload
    compiled: Callable[..., Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def mode(self) -> str:
        return self.request.mode

    @property
    def inputs(self) -> dict[str, Any]:
        """Keyword arguments of the model's first forward pass."""
        return self.workload.inputs

    @property
    def model_class(self) -> str:
        return type(self.model).__name__

    def run(self, call: Callable[..., Any] | None = None) -> None:
        self.workload.run(self.compiled if call is None else call)
        if self.device == "cuda":
            import torch

            torch.cuda.synchronize()

    def warm_up(self) -> None:
        """A run that is not to be traced: it compiles, allocates, fills caches."""
        phase("warmup")
        self.run()

    def close(self) -> None:
        """Nothing outlives the process."""


def open_context(request: Request) -> Context:
    """Loads the model and makes its inputs."""
    import torch
    import transformers

    torch.manual_seed(request.seed)
    device = choose_device(request.device)
    model, kind, facts = load_model(request, device)
    workload = Workload(model, kind, request, device)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    context = Context(request, device, model, workload, facts={**versions, "compile": request.compile, **facts})
    if request.compile:
        context.compiled = torch.compile(model)
    return context
