"""The ATen graphs that AOTAutograd makes of a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from layerline_kernels.files import write_json, write_text
from layerline_kernels.tracers.base import Tracer


class PrintAtenOps(Tracer):
    """Compiles the model by dynamo and AOTAutograd with a backend that writes down each graph and runs it as it is.

    In training, forward and backward are graphs of their own.
    """

    name = "print_aten_ops"
    description = "ATen graphs by dynamo and AOTAutograd, forward and backward"
    exclusive_group = "dynamo"
    files = {
        "print_aten.txt": "`===== Graph i =====`, then the graph's text",
        "print_aten.json": "for each graph its kind, its phase and the operators in it, counted",
    }

    def run(self, ctx: Any, output_dir: Path) -> dict[str, Any]:
        import torch
        from functorch.compile import make_boxed_func
        from torch._dynamo.backends.common import aot_autograd

        from layerline_kernels.graphs.nodes import break_reasons, calls

        texts: list[str] = []
        graphs: list[dict[str, Any]] = []

        def keep(kind: str) -> Callable[[Any, Any], Any]:
            def compiler(module: Any, _inputs: Any) -> Any:
                index = len(graphs)
                graphs.append({"index": index, "kind": kind, "phase": ctx.workload.phase, "ops": calls(module.graph)})
                texts.append(f"===== Graph {index} =====\n{module.graph}\n")
                return make_boxed_func(module.forward)

            return compiler

        backend = aot_autograd(
            fw_compiler=keep("forward"), bw_compiler=keep("backward"), inference_compiler=keep("inference")
        )
        ctx.run(torch.compile(ctx.model, backend=backend))
        write_text(output_dir / "print_aten.txt", "\n".join(texts))
        write_json(output_dir / "print_aten.json", {"graphs": graphs, "graph_breaks": break_reasons()})
        return {"graphs": len(graphs)}
