"""What Inductor and Triton left in their folders."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LAUNCH = ("num_warps", "num_stages", "num_ctas", "cluster_dims", "shared", "global_scratch_size", "target", "maxnreg")


def dumped_files(root: Path, folders: Iterable[str]) -> list[str]:
    """All files below the folders, relative to `root`."""
    return sorted(
        str(file.relative_to(root)) for folder in folders for file in (root / folder).rglob("*") if file.is_file()
    )


def triton_kernels(root: Path, folders: Iterable[str]) -> list[dict[str, Any]]:
    """Kernels that Triton compiled: `{kernel_name, ptx, cubin, launch_config}`, files relative to `root`, None where one is
    not there. Triton writes a JSON file beside each kernel's code."""
    kernels = []
    for folder in folders:
        for file in sorted((root / folder).rglob("*.json")):
            ptx, cubin = (beside(root, file, suffix) for suffix in (".ptx", ".cubin"))
            if ptx is None and cubin is None:
                continue
            facts = json.loads(file.read_text(encoding="utf-8"))
            config = {key: facts[key] for key in LAUNCH if key in facts}
            name = facts.get("name", file.stem)
            kernels.append({"kernel_name": name, "ptx": ptx, "cubin": cubin, "launch_config": config})
    return kernels


def beside(root: Path, file: Path, suffix: str) -> str | None:
    path = file.with_suffix(suffix)
    return str(path.relative_to(root)) if path.is_file() else None
