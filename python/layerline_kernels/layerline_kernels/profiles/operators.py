"""`torch_profile.json` out of a Kineto trace: as torch's `key_averages(group_by_input_shape=True)`, which takes minutes where
this takes seconds."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from layerline_kernels.profiles.call_stack import call_stack
from layerline_kernels.profiles.kineto import DEVICE_WORK, LAUNCHES, MEMORY, Event
from layerline_kernels.profiles.nesting import with_parents

STACK_DEPTH = 32
HOST = LAUNCHES | {"cpu_op", "python_function", MEMORY}
CPU = 0
"""Device type of c10."""


def operator_profile(events: list[Event], flops: dict[int, int]) -> dict[str, list[dict[str, Any]]]:
    """By operator one entry for each set of input shapes. Times are in us and, but for `self_`, with all inside; all are sums
    over the calls. `flops` is by External id. `stack` is of the first call, innermost first."""
    device_us = device_time_of_launches(events)
    totals: dict[tuple[str, str], dict[str, Any]] = {}
    repeated = repeated_operators(events)
    host = (e for e in events if e.category in HOST and id(e) not in repeated)
    for event, around in with_parents(host):
        operators = [e for e in around if e.category == "cpu_op"]
        if event.category == "cpu_op":
            total = total_of(totals, event)
            if total["count"] == 0:
                total["stack"] = call_stack(event, around)[:STACK_DEPTH]
            total["count"] += 1
            total["cpu_time_total"] += event.duration_us
            total["self_cpu_time_total"] += event.duration_us
            total["flops"] += flops.get(event.args.get("External id", -1), 0)
            if operators:
                total_of(totals, operators[-1])["self_cpu_time_total"] -= event.duration_us
        elif event.category == MEMORY:
            device = "cpu" if event.args.get("Device Type") == CPU else "cuda"
            add_inside(totals, operators, f"{device}_memory_bytes", event.args.get("Bytes", 0))
        elif event.category in LAUNCHES:
            add_inside(totals, operators, "cuda_time_total", device_us.get(event.correlation, 0.0))
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for (name, _), total in totals.items():
        found[name].append({key: round(value, 3) if isinstance(value, float) else value for key, value in total.items()})
    return dict(found)


def repeated_operators(events: list[Event]) -> set[int]:
    """Ids of operators that are all there is in one of the same name: torch counts the two as one call."""
    parents: dict[int, Event] = {}
    children: Counter[int] = Counter()
    operators = [event for event in events if event.category == "cpu_op"]
    for event, around in with_parents(operators):
        if around:
            parents[id(event)] = around[-1]
            children[id(around[-1])] += 1
    return {id(event) for event in operators if is_only_child(event, parents.get(id(event)), children)}


def is_only_child(event: Event, parent: Event | None, children: Counter[int]) -> bool:
    return parent is not None and parent.name == event.name and children[id(parent)] == 1


def operator_totals(traces: list[list[Event]]) -> dict[str, dict[str, Any]]:
    """`vllm_profile.json`: by operator its calls and us with all inside, over all ranks."""
    totals: dict[str, dict[str, Any]] = {}
    for event in (e for events in traces for e in events if e.category == "cpu_op"):
        total = totals.setdefault(event.name, {"count": 0, "cpu_time_total": 0.0})
        total["count"] += 1
        total["cpu_time_total"] = round(total["cpu_time_total"] + event.duration_us, 3)
    return totals


def total_of(totals: dict[tuple[str, str], dict[str, Any]], operator: Event) -> dict[str, Any]:
    shapes = str(operator.args.get("Input Dims", []))
    key = (operator.name, shapes)
    if key not in totals:
        totals[key] = {
            "count": 0,
            "cpu_time_total": 0.0,
            "cuda_time_total": 0.0,
            "self_cpu_time_total": 0.0,
            "input_shapes": shapes,
            "stack": [],
            "self_cuda_time_total": 0.0,
            "cpu_memory_bytes": 0,
            "self_cpu_memory_bytes": 0,
            "cuda_memory_bytes": 0,
            "self_cuda_memory_bytes": 0,
            "flops": 0,
        }
    return totals[key]


def add_inside(totals: dict[tuple[str, str], dict[str, Any]], operators: list[Event], key: str, amount: float) -> None:
    for operator in operators:
        total_of(totals, operator)[key] += amount
    if operators:
        total_of(totals, operators[-1])[f"self_{key}"] += amount


def device_time_of_launches(events: list[Event]) -> dict[int | None, float]:
    time_us: dict[int | None, float] = defaultdict(float)
    for event in events:
        if event.category in DEVICE_WORK:
            time_us[event.correlation] += event.duration_us
    return time_us
