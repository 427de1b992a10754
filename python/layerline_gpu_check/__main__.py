"""python -m layerline_gpu_check: pack, or run."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from layerline_gpu_check import pack
from layerline_gpu_check.kernels import kernel_lines
from layerline_gpu_check.nvml import Nvml
from layerline_gpu_check.outcome import Line, NotPossible, write_report
from layerline_gpu_check.probes import probe_lines
from layerline_gpu_check.sampling import PERIODS_MS, label_lines, sampling_lines
from layerline_gpu_check.tools import Tools, last_words

BUDGET_S = 480
ROOT = Path(__file__).parents[2]
PARTS = ("sampling", "kernels", "probes")
# What a Python has for the lines that need PyTorch.
FACTS = """
import glob, json, os, sys
facts = {"python": sys.version.split()[0], "torch": None, "transformers": None, "cuda": False, "cudart": None, "error": None}
try:
    import torch
    facts["torch"], facts["cuda"] = torch.__version__, torch.cuda.is_available()
    facts["torch_cuda"] = torch.version.cuda
    site = os.path.dirname(os.path.dirname(torch.__file__))
    found = sorted(glob.glob(site + "/nvidia/*/lib/libcudart.so.*") + glob.glob("/usr/local/cuda/lib64/libcudart.so.*"))
    facts["cudart"] = found[0] if found else None
    import transformers
    facts["transformers"] = transformers.__version__
except Exception as error:
    facts["error"] = f"{type(error).__name__}: {error}"
print(json.dumps(facts))
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="gpu-check", description=__doc__)
    parser.add_argument("--pack", type=Path, metavar="DIR", help="make the folder to take to a machine with a GPU, 60 MB at most")
    parser.add_argument("--out", type=Path, default=Path("gpu-check-report"), help="folder of the report (default: gpu-check-report)")
    parser.add_argument("--python", default=sys.executable, help="the Python that has PyTorch (default: this one)")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts between commas: {', '.join(PARTS)}")
    parser.add_argument("--periods", default=",".join(map(str, PERIODS_MS)), help="sampling periods, ms (default: %(default)s)")
    parser.add_argument("--traces", type=Path, metavar="DIR", help="a torch_profiler trace made elsewhere, in place of a generate")
    parser.add_argument("--cudart", metavar="FILE", help="the CUDA runtime to probe (default: the one beside PyTorch)")
    parser.add_argument("--budget", type=float, default=BUDGET_S, help=f"seconds for all of it (default: {BUDGET_S})")
    given = parser.parse_args()
    if given.pack is not None:
        return pack.pack(ROOT, given.pack)
    unknown = set(given.only.split(",")) - set(PARTS)
    if unknown:
        parser.error(f"--only: {', '.join(sorted(unknown))}: expected {', '.join(PARTS)}")
    return check(given)


def check(given: argparse.Namespace) -> int:
    started = time.monotonic()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as folder:
        # The report needs some seconds of its own.
        tools = Tools(pack.command(ROOT), Path(folder), given.python, given.budget - 10)
        facts = python_facts(tools)
        machine: dict[str, Any] = {"python": given.python, **facts}
        lines: list[Line] = []
        parts = given.only.split(",")
        if "sampling" in parts:
            lines += sampling(tools, machine, bool(facts.get("cuda")), [int(each) for each in given.periods.split(",")])
        if "kernels" in parts:
            lines += kernel_lines(tools, given.traces and given.traces.resolve(), no_torch(facts), no_cuda(facts))
        if "probes" in parts:
            lines += probe_lines(tools, given.cudart or facts.get("cudart"))
        write_report(given.out, machine, lines, time.monotonic() - started)
    for line in lines:
        print(f"{line.result:12}  {line.id:18}  {line.reason or ''}".rstrip())
    print(f"report: {given.out / 'report.md'}")
    if any(line.result == "fail" for line in lines):
        return 1
    return 0 if any(line.result == "pass" for line in lines) else 4


def sampling(tools: Tools, machine: dict[str, Any], cuda: bool, periods: list[int]) -> list[Line]:
    try:
        nvml = Nvml()
        machine.update(driver=nvml.driver(), gpus=[f"{device.index} {device.name} {device.uuid}" for device in nvml.devices])
        lines, sampled = sampling_lines(tools, nvml, cuda, periods)
    except NotPossible as error:
        what = "nvidia-smi against NVML's energy counter"
        lines = [Line(f"sampling-{period}ms", what, "not possible", str(error)) for period in periods]
        sampled = None
    return [*lines, *label_lines(tools, sampled)]


def python_facts(tools: Tools) -> dict[str, Any]:
    try:
        done = tools.run([tools.python, "-c", FACTS], 60)
        return json.loads(done.stdout) if done.returncode == 0 else {"error": last_words(done)}
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return {"error": str(error)}


def no_torch(facts: dict[str, Any]) -> str | None:
    if not facts.get("torch"):
        return f"no PyTorch in this Python: {facts.get('error')}; --python names another one"
    if not facts.get("transformers"):
        return f"no transformers in this Python: {facts.get('error')}; pip install transformers"
    return None


def no_cuda(facts: dict[str, Any]) -> str | None:
    if facts.get("cuda"):
        return None
    return "no CUDA: PyTorch sees no GPU" if facts.get("torch") else "no CUDA: no PyTorch"


if __name__ == "__main__":
    sys.exit(main())
