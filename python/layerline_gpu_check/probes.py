"""What the kernel's probes see of GPU devices and of the CUDA runtime, against a program that counts its own calls."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from layerline_gpu_check.outcome import Line, NotPossible, judged
from layerline_gpu_check.tools import Tools

OPENS, IOCTLS, MALLOCS = 5, 3, 7
DEVICE = """
import fcntl, os, sys
path, opens, ioctls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for _ in range(opens):
    fd = os.open(path, os.O_RDWR)
    for _ in range(ioctls):
        try: fcntl.ioctl(fd, 0x4600)
        except OSError: pass
    os.close(fd)
"""
CUDA = """
import ctypes, sys, time
lib = ctypes.CDLL(sys.argv[1])
# A library that is not beside Python is found once it is loaded, and then probed.
time.sleep(8)
pointer = ctypes.c_void_p()
for _ in range(int(sys.argv[2])):
    if lib.cudaMalloc(ctypes.byref(pointer), ctypes.c_size_t(1024)) == 0: lib.cudaFree(pointer)
lib.cudaStreamSynchronize(None)
"""


def probe_lines(tools: Tools, cudart: str | None) -> list[Line]:
    lines = []
    for line_id, what, check in (
        ("os-device-files", "opens and ioctls of /dev/nvidia*, as the program made them", device_line),
        ("cuda-uprobes", "calls of the CUDA runtime, as the program made them", lambda t, i, w: cuda_line(t, i, w, cudart)),
    ):
        try:
            needs_bpftrace()
            lines.append(check(tools, line_id, what))
        except NotPossible as error:
            lines.append(Line(line_id, what, "not possible", str(error)))
        except (RuntimeError, OSError, KeyError, ValueError) as error:
            lines.append(Line(line_id, what, "fail", str(error)))
    return lines


def needs_bpftrace() -> None:
    if shutil.which("bpftrace") is None:
        raise NotPossible("no bpftrace; Debian: apt-get install bpftrace")
    if os.geteuid() != 0:
        raise NotPossible("probes need root: sudo")


def lie() -> int:
    """GPU_CHECK_FAKE=program: the program makes one round more than it says."""
    return 1 if os.environ.get("GPU_CHECK_FAKE") == "program" else 0


def device_line(tools: Tools, line_id: str, what: str) -> Line:
    device = next((str(path) for path in sorted(Path("/dev").glob("nvidia*")) if not path.is_dir()), None)
    if device is None:
        raise NotPossible("no /dev/nvidia* on this machine")
    program = [tools.python, "-c", DEVICE, device, str(OPENS + lie()), str(IOCTLS)]
    tools.layerline("os", "run", "--probes", "gpu,gpu-access", "--out", "os-devices", "--quiet", "--", *program, most_s=90)
    rows = tools.sql(
        "os-devices",
        "SELECT t.name, sum(c.value)::DOUBLE AS n FROM counters c JOIN tracks t USING (track_id) "
        "WHERE t.name IN ('gpu_open_calls', 'gpu_ioctl_calls') GROUP BY ALL",
    )
    counts = {row["name"]: int(row["n"]) for row in rows}
    expected = {"gpu_open_calls": OPENS, "gpu_ioctl_calls": OPENS * IOCTLS}
    return counted(line_id, what, counts, expected, {"device": device})


def cuda_line(tools: Tools, line_id: str, what: str, cudart: str | None) -> Line:
    if cudart is None:
        raise NotPossible("no libcudart beside the Python with PyTorch")
    program = [tools.python, "-c", CUDA, cudart, str(MALLOCS + lie())]
    out = tools.layerline("os", "run", "--json", "--probes", "cuda", "--out", "os-cuda", "--", *program, most_s=120)
    calls = {call["function"]: call["calls"] for call in json.loads(out)["os"]["cuda"]}
    expected = {"cudaMalloc": MALLOCS, "cudaStreamSynchronize": 1}
    return counted(line_id, what, {name: calls.get(name, 0) for name in expected}, expected, {"library": cudart})


def counted(line_id: str, what: str, counts: dict[str, int], expected: dict[str, int], facts: dict[str, str]) -> Line:
    failures = [f"{name}: {counts.get(name, 0)}, the program made {n}" for name, n in expected.items() if counts.get(name, 0) != n]
    return judged(line_id, what, failures, {**counts, **facts}, expected)
