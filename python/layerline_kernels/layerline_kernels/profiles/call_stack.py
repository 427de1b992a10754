"""Where in Python an event was called."""

from __future__ import annotations

from layerline_kernels.profiles.kineto import Event


def call_stack(event: Event, around: list[Event]) -> list[str]:
    """Innermost first: what the profiler noted, else the Python functions around it."""
    noted = event.args.get("Call stack")
    if isinstance(noted, str):
        return [line for line in noted.split(";") if line]
    return [e.name for e in reversed(around) if e.category == "python_function"]
