"""`*_kernel_profile.json` and `.csv` out of one trace, or one a rank."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from layerline_kernels.files import write_json, write_text
from layerline_kernels.profiles.kernel_profile import kernel_owners, profile_entry
from layerline_kernels.profiles.kineto import Event

COLUMNS = ("cpu_op_name", "cpu_op_total_count", "gpu_kernel_name", "gpu_kernel_total_count")


def write_kernel_files(traces: list[list[Event]], folder: Path, name: str) -> dict[str, Any]:
    """Correlations are of one process, so each trace is read by itself. Returns how many kernels, and their time in us."""
    entries: list[dict[str, Any]] = []
    operators: Counter[str] = Counter()
    kernels: dict[str, Counter[str]] = defaultdict(Counter)
    for events in traces:
        owners = kernel_owners(events)
        entries.extend(profile_entry(owner) for owner in owners)
        operators.update(event.name for event in events if event.category == "cpu_op")
        for owner in owners:
            if not owner.is_operator:
                operators[owner.name] += 1
            kernels[owner.name].update(kernel.name for kernel in owner.kernels)
    write_json(folder / f"{name}.json", entries)
    write_text(folder / f"{name}.csv", kernel_csv(operators, kernels))
    return {
        "kernels": sum(entry["kernel_call_count"] for entry in entries),
        "kernel_time_us": round(sum(entry["total_kernel_time_us"] for entry in entries), 3),
    }


def kernel_csv(operators: Counter[str], kernels: dict[str, Counter[str]]) -> str:
    """Operators by name; each one's kernels follow it, the most frequent first, with the first two columns blank."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(COLUMNS)
    for operator in sorted(operators):
        rows = kernels[operator].most_common() or [("", "")]
        for number, (kernel, calls) in enumerate(rows):
            head = (operator, operators[operator]) if number == 0 else ("", "")
            out.writerow((*head, kernel, calls))
    return text.getvalue()
