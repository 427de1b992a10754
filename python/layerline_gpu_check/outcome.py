"""A line of the check, and the report of all of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Result = Literal["pass", "fail", "not possible"]


class NotPossible(Exception):
    """What a line needs is not on this machine; the message says what and how to get it."""


@dataclass
class Line:
    """One question to the machine. `figures` were measured here; `limits` is what they had to keep to."""

    id: str
    what: str
    result: Result
    reason: str | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)


def judged(line_id: str, what: str, failures: list[str], figures: dict[str, Any], limits: dict[str, Any]) -> Line:
    """A line that passes where nothing speaks against it."""
    return Line(line_id, what, "fail" if failures else "pass", "; ".join(failures) or None, figures, limits)


def write_report(folder: Path, machine: dict[str, Any], lines: list[Line], seconds: float) -> None:
    """report.json and report.md."""
    counts = {result: sum(line.result == result for line in lines) for result in ("pass", "fail", "not possible")}
    report = {"machine": machine, "seconds": round(seconds, 1), "counts": counts, "lines": [asdict(line) for line in lines]}
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    (folder / "report.md").write_text(markdown(report), encoding="utf-8")


def markdown(report: dict[str, Any]) -> str:
    """The report to read, and to paste into docs/hardware.md."""
    machine = "\n".join(f"- {name}: {text(value)}" for name, value in report["machine"].items())
    rows = "\n".join(
        f"| {line['id']} | {line['what']} | **{line['result']}** | {cell(line)} |" for line in report["lines"]
    )
    counts = ", ".join(f"{count} {result}" for result, count in report["counts"].items())
    return (
        f"# GPU check\n\n{counts}, in {report['seconds']} s\n\n{machine}\n\n"
        f"| line | question | result | figures |\n|---|---|---|---|\n{rows}\n"
    )


def cell(line: dict[str, Any]) -> str:
    parts = [line["reason"]] if line["reason"] else []
    parts += [f"{name} {text(value)}" for name, value in line["figures"].items()]
    if line["limits"]:
        parts.append("limits: " + ", ".join(f"{name} {text(value)}" for name, value in line["limits"].items()))
    return "; ".join(parts).replace("|", "\\|").replace("\n", " ")


def text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)
