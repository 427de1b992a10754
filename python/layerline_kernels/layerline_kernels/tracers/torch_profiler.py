"""Operators, kernels, memory, FLOPs, modules and stacks by torch.profiler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layerline_kernels.events import phase
from layerline_kernels.files import write_json
from layerline_kernels.tracers.base import Tracer

TRACE = "trace.json.gz"


class TorchProfiler(Tracer):
    """Profiles one run after a warm-up run: what compiles, allocates or fills caches for the first time is not in it.

    Kernel lists are empty on the CPU: it has operators, not kernels.
    """

    name = "torch_profiler"
    description = "Operators with shapes, memory, FLOPs and stacks; the kernels each launched; time by module"
    exclusive_group = "profiler"
    files = {
        "torch_profile.json": "operators: one entry for each operator and its input shapes",
        "torch_kernel_profile.json": "each operator that launched kernels, with them",
        "torch_kernel_profile.csv": "operators and kernels, counted",
        "torch_modules.json": "modules: how often they ran, and their time with all inside",
        TRACE: "the profiler's own trace (Kineto)",
    }

    def run(self, ctx: Any, output_dir: Path) -> dict[str, Any]:
        import torch
        from torch.profiler import ProfilerActivity, profile

        from layerline_kernels.profiles.kernel_files import write_kernel_files
        from layerline_kernels.profiles.kineto import read_trace
        from layerline_kernels.profiles.modules import module_times
        from layerline_kernels.profiles.operators import operator_profile

        ctx.warm_up()
        activities = [ProfilerActivity.CPU]
        if ctx.device == "cuda":
            activities.append(ProfilerActivity.CUDA)
        with profile(
            activities=activities,
            record_shapes=True,
            profile_memory=True,
            with_stack=True,
            with_flops=True,
            with_modules=True,
            # Without it the operators' stacks stay empty.
            experimental_config=torch._C._profiler._ExperimentalConfig(verbose=True),
        ) as profiler:
            ctx.run()
        phase("export")
        trace = output_dir / TRACE
        profiler.export_chrome_trace(str(trace))
        events = read_trace(trace)
        raw = profiler.profiler.kineto_results.events()
        operators = operator_profile(events, {e.correlation_id(): e.flops() for e in raw if e.flops()})
        write_json(output_dir / "torch_profile.json", operators)
        write_json(output_dir / "torch_modules.json", module_times(events))
        kernels = write_kernel_files([events], output_dir, "torch_kernel_profile")
        return {"operators": len(operators), **kernels}
