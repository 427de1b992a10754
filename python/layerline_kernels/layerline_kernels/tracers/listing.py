"""What `list` and `describe` say of a tracer, without importing what it needs."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from typing import Any

from layerline_kernels.tracers.base import Tracer


def missing_module(modules: tuple[str, ...]) -> str | None:
    """The first of the modules that this Python does not have."""
    return next((name for name in modules if not has_module(name)), None)


def has_module(name: str) -> bool:
    if name in sys.modules:
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def summary(tracer: Tracer) -> dict[str, Any]:
    """One entry of `list`."""
    missing = missing_module(tuple(tracer.requires))
    return {
        "name": tracer.name,
        "description": tracer.description,
        "frameworks": list(tracer.frameworks),
        "exclusive_group": tracer.exclusive_group,
        "version": tracer.version,
        "modes": list(tracer.modes),
        "devices": list(tracer.devices),
        "requires": list(tracer.requires),
        "available": missing is None,
        "why_not": None if missing is None else f"this Python has no module {missing}",
    }


def description(tracer: Tracer) -> dict[str, Any]:
    """The answer of `describe`: as `summary`, with what it writes."""
    return {**summary(tracer), "doc": inspect.getdoc(type(tracer)) or "", "files": dict(tracer.files)}
