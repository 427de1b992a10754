"""The one folder that goes to a machine with a GPU: Node, DuckDB and the build, compressed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

MOST_BYTES = 60_000_000
ARCHIVE = "gpu-check.tar.xz"
FOLDERS = ("dist", "bpf", "python")
NOT_RUN = ("dist/bench", "dist/test")
START = """#!/bin/sh
# Checks what Layerline reads of this machine's NVIDIA GPUs: needs Python 3.9, and PyTorch for some lines. No network.
here=$(CDPATH= cd -P -- "$(dirname -- "$0")" && pwd) || exit 5
command -v python3 >/dev/null 2>&1 || { echo "gpu-check: no python3 on PATH" >&2; exit 4; }
if [ ! -e "$here/unpacked/complete" ]; then
  python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1], "r:xz").extractall(sys.argv[2])' "$here/gpu-check.tar.xz" "$here/unpacked" &&
    : >"$here/unpacked/complete" || exit 5
fi
PYTHONPATH=$here/unpacked/python exec python3 -m layerline_gpu_check "$@"
"""


def command(root: Path) -> list[str]:
    """How Layerline is started: in a packed folder by the Node beside it, in a checkout by its launcher."""
    node = root / "node"
    if not node.exists():
        return [str(root / "bin" / "layerline")]
    return [str(node), "--no-memory-reducer", str(root / "start.mjs")]


def pack(root: Path, out: Path) -> int:
    """Writes the folder; 0, or 1 where it is too large."""
    if (root / "node").exists():
        raise SystemExit("gpu-check: this is a packed folder; --pack runs in a checkout")
    subprocess.run([str(root / "bin" / "layerline"), "--version"], check=True, stdout=subprocess.DEVNULL)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gpu-check-pack-") as folder:
        stage = Path(folder)
        gather(root, stage)
        compress(stage, out / ARCHIVE)
    start = out / "gpu-check"
    start.write_text(START, encoding="utf-8")
    start.chmod(0o755)
    size = sum(path.stat().st_size for path in (out / ARCHIVE, start))
    print(f"{out}: {size / 1e6:.1f} MB; on the machine with a GPU: {out.name}/gpu-check")
    if size > MOST_BYTES:
        print(f"gpu-check: more than {MOST_BYTES / 1e6:.0f} MB")
        return 1
    return 0


def gather(root: Path, stage: Path) -> None:
    node = subprocess.run(["node", "-p", "process.execPath"], check=True, capture_output=True, text=True).stdout.strip()
    shutil.copy(os.path.realpath(node), stage / "node")
    if shutil.which("strip"):
        subprocess.run(["strip", str(stage / "node")], check=False, stderr=subprocess.DEVNULL)
    ignored = shutil.ignore_patterns("__pycache__", "tests", "*.map", "*.tsbuildinfo")
    for name in FOLDERS:
        shutil.copytree(root / name, stage / name, ignore=ignored)
    for name in NOT_RUN:
        shutil.rmtree(stage / name, ignore_errors=True)
    shutil.copy(root / "package.json", stage / "package.json")
    (stage / "start.mjs").write_text("const { main } = await import('./dist/src/cli/main.js')\nawait main(process.argv.slice(2))\n", encoding="utf-8")
    lock = json.loads((root / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for place, package in lock.items():
        if place and not package.get("dev") and not package.get("devOptional") and (root / place).is_dir():
            shutil.copytree(root / place, stage / place, ignore=ignored)


def compress(stage: Path, archive: Path) -> None:
    xz = shutil.which("xz")
    if xz is None:
        with tarfile.open(archive, "w:xz", preset=6) as tar:
            tar.add(stage, arcname=".")
        return
    with archive.open("wb") as file:
        tar = subprocess.Popen(["tar", "-C", str(stage), "-cf", "-", "."], stdout=subprocess.PIPE)
        subprocess.run([xz, "-6", "-T0", "-c"], stdin=tar.stdout, stdout=file, check=True)
        if tar.wait() != 0:
            raise SystemExit("gpu-check: tar failed")
