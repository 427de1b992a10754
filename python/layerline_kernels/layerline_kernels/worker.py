"""One run: one model, one tracer, one process. Whatever happens, a marker says how it ended."""

from __future__ import annotations

import traceback
from typing import Any

from layerline_kernels import marker as marker_file
from layerline_kernels.errors import MissingDependency, Unsupported, Usage, classify
from layerline_kernels.events import emit, phase
from layerline_kernels.hub.check import require_whole
from layerline_kernels.huggingface.architecture import architecture_of, read_config
from layerline_kernels.marker import Marker
from layerline_kernels.request import Request
from layerline_kernels.tracers.base import Tracer
from layerline_kernels.tracers.listing import missing_module


def run(request: Request, tracer: Tracer) -> int:
    """Traces, writes the marker and returns the exit code."""
    folder = request.output_dir
    folder.mkdir(parents=True, exist_ok=True)
    marker_file.remove(folder)
    marker = Marker(tracer.name, tracer.version, request.framework, request.device, request.mode)
    marker.facts["model_id"] = request.model_id
    error: dict[str, str] | None = None
    code = 0
    try:
        trace(request, tracer, marker)
    except BaseException as caught:  # SystemExit of a library too: no end without a marker
        traceback.print_exc()
        code, error = classify(caught)
    marker.write(folder, error)
    emit("done", success=error is None, exit_code=code, **({} if error is None else {"error": error}))
    return code


def trace(request: Request, tracer: Tracer, marker: Marker) -> None:
    require(request, tracer)
    config = read_config(request.model_path)
    marker.model = architecture_of(config)
    require_whole(request.model_path, request.allow_pickle)
    phase("load")
    tracer.prepare(request)
    ctx = open_context(request)
    marker.device = ctx.device
    marker.model = ctx.model_class
    try:
        facts = tracer.run(ctx, request.output_dir)
    finally:
        ctx.close()
    workload = getattr(ctx, "workload", None)
    marker.facts.update({**ctx.facts, **(workload.facts if workload is not None else {}), **(facts or {})})


def require(request: Request, tracer: Tracer) -> None:
    """Throws what makes the run impossible before anything heavy is imported."""
    if request.framework not in tracer.frameworks:
        raise Usage("usage", f"{tracer.name} traces {', '.join(tracer.frameworks)}, not {request.framework}")
    if request.mode not in tracer.modes:
        raise Unsupported(f"{tracer.name} traces {', '.join(tracer.modes)} only, not {request.mode}")
    if request.compile and not tracer.takes_compiled:
        raise Unsupported(f"{tracer.name} cannot look into a compiled model: leave --compile out")
    missing = missing_module(tuple(tracer.requires))
    if missing is not None:
        raise MissingDependency(missing, f"{tracer.name} needs the Python module {missing}, which is not installed")


def open_context(request: Request) -> Any:
    if request.framework == "vllm":
        from layerline_kernels.vllm import context as vllm_context

        return vllm_context.open_context(request)
    from layerline_kernels.huggingface import context as huggingface_context

    return huggingface_context.open_context(request)
