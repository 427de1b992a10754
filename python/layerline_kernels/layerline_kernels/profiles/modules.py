"""Time by nn.Module, out of the Python functions that a trace with stacks holds."""

from __future__ import annotations

from typing import Any

from layerline_kernels.profiles.kineto import Event
from layerline_kernels.profiles.nesting import with_parents

PREFIX = "nn.Module: "


def module_times(events: list[Event]) -> list[dict[str, Any]]:
    """Modules, the most time first: calls, us with all inside, us without the modules inside."""
    totals: dict[str, dict[str, Any]] = {}
    calls = (e for e in events if e.category == "python_function" and e.name.startswith(PREFIX))
    for event, around in with_parents(calls):
        entry = total_of(totals, event)
        entry["count"] += 1
        entry["cpu_time_total"] += event.duration_us
        entry["self_cpu_time_total"] += event.duration_us
        if around:
            total_of(totals, around[-1])["self_cpu_time_total"] -= event.duration_us
    for entry in totals.values():
        entry.update(cpu_time_total=round(entry["cpu_time_total"], 3), self_cpu_time_total=round(entry["self_cpu_time_total"], 3))
    return sorted(totals.values(), key=lambda entry: -entry["cpu_time_total"])


def total_of(totals: dict[str, dict[str, Any]], event: Event) -> dict[str, Any]:
    name = event.name.removeprefix(PREFIX)
    return totals.setdefault(name, {"module": name, "count": 0, "cpu_time_total": 0.0, "self_cpu_time_total": 0.0})
