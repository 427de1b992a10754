"""The FX graphs that dynamo makes of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layerline_kernels.files import write_json
from layerline_kernels.tracers.base import Tracer


class PrintFx(Tracer):
    """Compiles the model with a backend that writes down each graph and runs it as it is.

    Dynamo makes several where it must break a graph, and anew where shapes change: all are kept, in order, with the phase
    that they were made in.
    """

    name = "print_fx"
    description = "FX graphs by dynamo, one for each graph break, with the reasons of the breaks"
    exclusive_group = "dynamo"
    files = {
        "print_fx.json": "`nodes` are those of the first graph; `graphs` are all, each with `phase` and `nodes`; "
        "`graph_breaks` are reasons, counted"
    }

    def run(self, ctx: Any, output_dir: Path) -> dict[str, Any]:
        import torch

        from layerline_kernels.graphs.nodes import break_reasons, graph_nodes

        graphs: list[dict[str, Any]] = []

        def keep(module: Any, _inputs: Any) -> Any:
            graphs.append({"index": len(graphs), "phase": ctx.workload.phase, "nodes": graph_nodes(module.graph)})
            return module.forward

        ctx.run(torch.compile(ctx.model, backend=keep))
        reasons = break_reasons()
        first = graphs[0]["nodes"] if graphs else []
        content = {"type": "fx_graph", "nodes": first, "graphs": graphs, "graph_breaks": reasons}
        write_json(output_dir / "print_fx.json", content)
        return {"graphs": len(graphs), "graph_breaks": sum(reasons.values())}
