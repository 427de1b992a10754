"""Files that are whole or not there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> None:
    """Replaces the file in one step; what a crash leaves beside it ends in `.part`."""
    part = path.with_name(path.name + ".part")
    with open(part, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def write_json(path: Path, value: Any) -> None:
    """As `write_text`. Numbers that JSON does not know are an error."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")
