"""`_TRACE_STATUS.json`: written last, it says whether the rest of the folder can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from layerline_kernels.files import write_json

NAME = "_TRACE_STATUS.json"


@dataclass
class Marker:
    """`model` is the class that ran, None where no model was loaded."""

    tracer: str
    tracer_version: str
    framework: str
    device: str
    mode: str
    model: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path, error: dict[str, str] | None = None) -> None:
        """Success is the absence of an error."""
        content: dict[str, Any] = {
            "tracer": self.tracer,
            "framework": self.framework,
            "model": self.model,
            "device": self.device,
            "mode": self.mode,
            "timestamp": datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "success": error is None,
            "tracer_version": self.tracer_version,
        }
        if error is not None:
            content["error"] = error
        if self.facts:
            content["facts"] = self.facts
        write_json(folder / NAME, content)


def remove(folder: Path) -> None:
    """An earlier run's marker would vouch for files that a later one has replaced."""
    (folder / NAME).unlink(missing_ok=True)
