"""vLLM's own profiler: operators and kernels inside the engine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from layerline_kernels.errors import WorkerError
from layerline_kernels.events import phase
from layerline_kernels.files import write_json
from layerline_kernels.request import Request
from layerline_kernels.tracers.base import Tracer

PROFILES = "profiles"


class VllmProfiler(Tracer):
    """Profiles one batch after another one has warmed the engine up. vLLM marks its steps in the trace with the prefills and
    decodes of each. Kernel lists are empty on the CPU: it has operators, not kernels.

    `{"stacks": false}` as configuration leaves Python's stacks out: vLLM takes long to write them.
    """

    name = "vllm_profiler"
    description = "Operators and kernels inside a vLLM engine, for a batch of prompts or of texts to embed"
    frameworks = ("vllm",)
    exclusive_group = "profiler"
    modes = ("eval",)
    requires = ("torch", "vllm")
    files = {
        "vllm_profile.json": "operators: calls and time",
        "vllm_kernel_profile.json": "each operator that launched kernels, with them",
        "vllm_kernel_profile.csv": "operators and kernels, counted",
        "trace.json.gz": "the profiler's own trace (Kineto) of rank 0; `trace-rank1.json.gz` and so on of the others",
    }

    def prepare(self, request: Request) -> None:
        folder = request.output_dir / PROFILES
        shutil.rmtree(folder, ignore_errors=True)
        profiler = {
            "profiler": "torch",
            "torch_profiler_dir": str(folder),
            "torch_profiler_record_shapes": True,
            "torch_profiler_with_memory": True,
            "torch_profiler_with_flops": True,
            "torch_profiler_with_stack": bool(request.config.get("stacks", True)),
        }
        request.config.setdefault("engine_arguments", {}).setdefault("profiler_config", profiler)

    def run(self, ctx: Any, output_dir: Path) -> dict[str, Any]:
        from layerline_kernels.profiles.kernel_files import write_kernel_files
        from layerline_kernels.profiles.kineto import read_trace
        from layerline_kernels.profiles.operators import operator_totals
        from layerline_kernels.profiles.steps import count_steps
        from layerline_kernels.vllm.trace_files import collect_traces

        ctx.warm_up()
        ctx.engine.start_profile()
        ctx.run()
        phase("export")
        ctx.engine.stop_profile()
        ctx.close()
        # vLLM only logs it when its profiler fails.
        files = collect_traces(output_dir / PROFILES, output_dir)
        if not files:
            raise WorkerError("no_profile", "vLLM's profiler wrote no trace; its log says why")
        traces = [read_trace(file) for file in files]
        operators = operator_totals(traces)
        write_json(output_dir / "vllm_profile.json", operators)
        kernels = write_kernel_files(traces, output_dir, "vllm_kernel_profile")
        return {"operators": len(operators), "ranks": len(files), "steps": count_steps(traces[0]), **kernels}
