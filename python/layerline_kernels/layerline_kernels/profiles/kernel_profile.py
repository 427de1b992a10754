"""Which operator launched which kernels, out of a Kineto trace.

A kernel belongs to the launch of the same correlation, and the launch to the innermost operator around it on its thread.
Every kernel is counted once: the sum over all entries is the trace's kernel time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from layerline_kernels.profiles.call_stack import call_stack
from layerline_kernels.profiles.kineto import DEVICE_WORK, LAUNCHES, Event
from layerline_kernels.profiles.nesting import with_parents

UNLAUNCHED = "<no launch in the trace>"


@dataclass
class Owner:
    """An operator, or a launch outside of all operators; None where the launch itself is missing."""

    event: Event | None
    stack: list[str] = field(default_factory=list)
    kernels: list[Event] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.event.name if self.event else UNLAUNCHED

    @property
    def is_operator(self) -> bool:
        return self.event is not None and self.event.category == "cpu_op"


def kernel_owners(events: list[Event]) -> list[Owner]:
    """Every operator, with or without kernels, and what else launched something on a GPU, in the order of their start."""
    kernels: dict[int | None, list[Event]] = defaultdict(list)
    for event in events:
        if event.category in DEVICE_WORK:
            kernels[event.correlation].append(event)
    if not kernels:
        return []
    owners: dict[int, Owner] = {}
    by_external_id: dict[int, Event] = {}
    host = (e for e in events if e.category in LAUNCHES or e.category in ("cpu_op", "python_function"))
    for event, around in with_parents(host):
        if event.category == "cpu_op":
            owners[id(event)] = Owner(event, call_stack(event, around))
            if "External id" in event.args:
                by_external_id[event.args["External id"]] = event
        if event.category not in LAUNCHES or event.correlation is None or event.correlation not in kernels:
            continue
        operator = next((e for e in reversed(around) if e.category == "cpu_op"), event)
        owner = owners.setdefault(id(operator), Owner(operator, call_stack(operator, around)))
        owner.kernels.extend(kernels.pop(event.correlation))
    for left in kernels.values():
        for kernel in left:
            # A launch can be lost at the edges of a trace; the kernel still names its operator.
            operator_of = by_external_id.get(kernel.args.get("External id", -1))
            owners.setdefault(id(operator_of), Owner(operator_of)).kernels.append(kernel)
    return sorted(owners.values(), key=lambda owner: owner.event.start_us if owner.event else float("inf"))


def profile_entry(owner: Owner) -> dict[str, Any]:
    """An entry of `*_kernel_profile.json`. Times are in us."""
    event = owner.event
    args = event.args if event else {}
    durations = [kernel.duration_us for kernel in owner.kernels]
    dims = args.get("Input Dims")
    return {
        "sequence_number": args.get("Sequence number"),
        "cpu_op_name": owner.name,
        "cpu_op_cat": event.category if event else None,
        "cpu_external_id": args.get("External id"),
        "cpu_time_us": event.duration_us if event else None,
        "total_kernel_time_us": round(sum(durations), 3),
        "kernel_call_count": len(durations),
        "associated_kernels": [
            {
                "kernel_name": kernel.name,
                "kernel_cat": kernel.category,
                "kernel_external_id": kernel.correlation,
                "kernel_duration_us": kernel.duration_us,
                "stream_id": kernel.args.get("stream"),
            }
            for kernel in owner.kernels
        ],
        "kernel_call_count_by_shape": {} if dims is None or not durations else {str(dims): len(durations)},
        "kernel_call_count_by_stream": dict(Counter(str(kernel.args.get("stream")) for kernel in owner.kernels)),
        "kernel_duration_stats_us": {
            "min": min(durations),
            "max": max(durations),
            "avg": round(sum(durations) / len(durations), 3),
        }
        if durations
        else {},
        "input_dims_count": 0 if dims is None else len(dims),
        "call_stack": owner.stack,
    }
