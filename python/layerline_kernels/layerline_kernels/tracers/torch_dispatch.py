"""Every operator that PyTorch dispatches, with its inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layerline_kernels.files import write_json
from layerline_kernels.tracers.base import Tracer


class TorchDispatch(Tracer):
    """Counts ATen operators below autograd, those of the backward pass and the optimizer too, by the inputs they got.

    Inputs read like `((T([2, 8], f16), 1), {})`: tensors by shape, type, and strides where they are not contiguous.
    """

    name = "torch_dispatch"
    description = "ATen operators as they are dispatched, counted by their inputs' shapes, types and strides"
    takes_compiled = False
    files = {"torch_dispatch.json": "operators: how often each ran with which inputs"}

    def run(self, ctx: Any, output_dir: Path) -> dict[str, Any]:
        from layerline_kernels.dispatch.counting import CountingMode

        with CountingMode() as counting:
            ctx.run()
        operators = counting.operators()
        write_json(output_dir / "torch_dispatch.json", operators)
        calls = sum(entry["count"] for entries in operators.values() for entry in entries)
        return {"operators": len(operators), "operator_calls": calls}
