"""A real generate under `kernels run`, and what Layerline makes of its profile against the profile itself."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any, Callable

from layerline_gpu_check.outcome import Line, NotPossible, judged
from layerline_gpu_check.tools import Tools, last_words

TRACERS = ("torch_profiler", "torch_dispatch")
DEVICE_CATEGORIES = {"kernel", "gpu_memcpy", "gpu_memset"}
COUNT_LIMIT = 0
HTA_LIMIT = 0.01
SELF_LIMIT = 0.05
TOP = 5
# A generate under PyTorch's own profiler, and its own sums of it.
GENERATE = '''
import json, sys, torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from transformers import AutoModelForCausalLM
model_path, out, device = sys.argv[1:4]
model = AutoModelForCausalLM.from_pretrained(model_path, local_files_only=True).to(device).eval()
ids = torch.arange(32).reshape(1, 32).to(device)
def generate():
    with torch.no_grad():
        return model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, min_new_tokens=8, do_sample=False, pad_token_id=0)
generate()
kinds = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if device == "cuda" else [])
with profile(activities=kinds) as prof:
    generate()
    if device == "cuda": torch.cuda.synchronize()
prof.export_chrome_trace(out + "/trace.json")
sums = [{"key": e.key, "count": e.count, "self_cpu_us": e.self_cpu_time_total, "self_device_us": getattr(e, "self_device_time_total", 0)}
        for e in prof.key_averages() if e.device_type == DeviceType.CPU]
json.dump(sums, open(out + "/key_averages.json", "w"))
'''


def kernel_lines(tools: Tools, traces: Path | None, torch: str | None, cuda: str | None) -> list[Line]:
    """`traces`: a folder of a torch_profiler trace made elsewhere. `torch`, `cuda`: what of these is missing, None where it is there."""
    lines: list[Line] = []
    source = traces
    what = f"a generate under kernels run, tracers {', '.join(TRACERS)}"
    if source is None:
        try:
            if torch is not None:
                raise NotPossible(torch)
            line, source = run_tracers(tools, what, "cpu" if cuda else "cuda")
            lines.append(line)
        except NotPossible as error:
            lines.append(Line("kernels-run", what, "not possible", str(error)))
        except (RuntimeError, OSError) as error:
            lines.append(Line("kernels-run", what, "fail", str(error)))
    checks: tuple[tuple[str, str, bool, Callable[[Tools, str, Profile], Line]], ...] = (
        ("kernels-import", "operators on the timeline: as many as in the profile", False, import_line),
        ("kernels-on-gpu", "kernels, copies and fills on the GPU: as many as in the profile", True, device_line),
        ("hta-rules", "busy and idle time of the GPU by HTA's rules, against the profile's own intervals", True, hta_line),
    )
    run, profile, missing = None, None, "no trace was made"
    if source is not None:
        try:
            run, profile = "kernels", Profile(source)
            tools.layerline("import", str(profile.path), "--out", run, most_s=90)
        except (RuntimeError, OSError, ValueError) as error:
            missing, profile = str(error), None
    for line_id, text, needs_gpu, check in checks:
        if profile is None or run is None:
            lines.append(Line(line_id, text, "not possible", missing))
        elif needs_gpu and cuda is not None and not profile.device_events():
            lines.append(Line(line_id, text, "not possible", cuda))
        else:
            try:
                lines.append(check(tools, run, profile))
            except NotPossible as error:
                lines.append(Line(line_id, text, "not possible", str(error)))
            except (RuntimeError, OSError, KeyError, ValueError) as error:
                lines.append(Line(line_id, text, "fail", f"{type(error).__name__}: {error}"))
            lines[-1].id, lines[-1].what = line_id, text
    lines.append(self_time(tools, traces, torch, "cpu" if cuda else "cuda"))
    return lines


def self_time(tools: Tools, traces: Path | None, torch: str | None, device: str) -> Line:
    line_id, what = "self-time", "self CPU time of operators, against PyTorch's key_averages()"
    try:
        if traces is None and torch is not None:
            raise NotPossible(torch)
        line = self_line(tools, traces or profile_generate(tools, device), device)
        return Line(line_id, what, line.result, line.reason, line.figures, line.limits)
    except NotPossible as error:
        return Line(line_id, what, "not possible", str(error))
    except (RuntimeError, OSError, KeyError, ValueError) as error:
        return Line(line_id, what, "fail", f"{type(error).__name__}: {error}")


def profile_generate(tools: Tools, device: str) -> Path:
    model, folder = tools.folder / "model", tools.folder / "averages"
    if not (model / "config.json").exists():
        raise NotPossible("no model could be made")
    folder.mkdir()
    done = tools.run([tools.python, "-c", GENERATE, str(model), str(folder), device], 120)
    if done.returncode != 0:
        raise RuntimeError(f"the generate ended with {done.returncode}: {last_words(done)}")
    return folder


def run_tracers(tools: Tools, what: str, device: str) -> tuple[Line, Path | None]:
    prepare = Path(__file__).parents[1] / "layerline_engines" / "prepare_model.py"
    made = tools.run([tools.python, str(prepare), "tiny", str(tools.folder / "model")], 120)
    if made.returncode != 0:
        raise NotPossible(f"no model could be made: {last_words(made)}")
    done = tools.run(
        [
            *tools.command,
            *["kernels", "run", "--framework", "huggingface", "--model", str(tools.folder / "model")],
            *["--tracers", ",".join(TRACERS), "--device", device, "--python", tools.python, "--offline"],
            *["--input-tokens", "32", "--output-tokens", "8", "--output-dir", str(tools.folder / "outputs"), "--json"],
        ],
        240,
    )
    try:
        jobs = json.loads(done.stdout)["jobs"]
    except (ValueError, KeyError):
        raise RuntimeError(f"kernels run ended with {done.returncode}: {last_words(done)}") from None
    states = {job["tracer"]: job["state"] for job in jobs}
    failures = [f"{job['tracer']}: {job['state']} {job.get('note') or ''}".strip() for job in jobs if job["state"] != "done"]
    failures += [f"{tracer}: not run" for tracer in TRACERS if tracer not in states]
    folder = next(iter(sorted((tools.folder / "outputs").glob("**/torch_profiler"))), None)
    return judged("kernels-run", what, failures, {"device": device, **states}, {}), folder


def trace_of(folder: Path) -> Path:
    for pattern in ("trace*.json.gz", "trace*.json"):
        for path in sorted(folder.glob(pattern)):
            return path
    raise OSError(f"{folder}: no trace.json")


class Profile:
    """A torch_profiler trace, read without Layerline. Times in us."""

    def __init__(self, folder: Path) -> None:
        self.path = path = trace_of(folder)
        opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
        with opened as file:
            events = json.load(file)["traceEvents"]
        self.slices = [event for event in events if event.get("ph") == "X"]

    def of(self, *categories: str) -> list[dict[str, Any]]:
        """GPU_CHECK_FAKE=profile: this reading misses a third of the events."""
        found = [event for event in self.slices if str(event.get("cat", "")).lower() in categories]
        return found[len(found) // 3 :] if os.environ.get("GPU_CHECK_FAKE") == "profile" else found

    def device_events(self) -> list[dict[str, Any]]:
        return self.of(*DEVICE_CATEGORIES)


def import_line(tools: Tools, run: str, profile: Profile) -> Line:
    found = int(tools.sql(run, "SELECT count(*) AS n FROM slices WHERE category = 'cpu_op'")[0]["n"])
    there = len(profile.of("cpu_op"))
    failures = [] if found == there > 0 else [f"{found} operators imported, {there} in the profile"]
    return judged("", "", failures, {"imported": found, "in_profile": there}, {"difference": COUNT_LIMIT})


def device_line(tools: Tools, run: str, profile: Profile) -> Line:
    found = int(tools.sql(run, "SELECT count(*) AS n FROM v_kernels")[0]["n"])
    there = len(profile.device_events())
    failures = [] if found == there > 0 else [f"{found} imported, {there} in the profile"]
    return judged("", "", failures, {"imported": found, "in_profile": there}, {"difference": COUNT_LIMIT})


def hta_line(tools: Tools, run: str, profile: Profile) -> Line:
    report = json.loads(tools.layerline("report", run, "--rules", "hta", "--json"))
    [rank] = report["kernels"]["temporal_breakdown"]
    intervals = sorted((float(event["ts"]), float(event["ts"]) + float(event.get("dur", 0))) for event in profile.device_events())
    total = max(end for _, end in intervals) - intervals[0][0]
    busy = union_us(intervals)
    rows = tools.sql(run, "SELECT total_us, idle_us FROM v_hta_temporal_breakdown")
    found_total, found_busy = float(rows[0]["total_us"]), float(rows[0]["total_us"]) - float(rows[0]["idle_us"])
    # HTA rounds each event to whole us, inwards.
    slack = HTA_LIMIT + 2 * len(intervals) / max(1.0, total)
    failures = [
        f"{name} is {found:.0f} us, {there:.0f} us by the profile"
        for name, found, there in (("total", found_total, total), ("busy", found_busy, busy))
        if abs(found / max(1e-9, there) - 1) > slack
    ]
    figures = {"total_us": found_total, "profile_total_us": total, "busy_us": found_busy, "profile_busy_us": busy, "ranks": 1, "report": bool(rank)}
    return judged("", "", failures, figures, {"error": slack})


def union_us(intervals: list[tuple[float, float]]) -> float:
    busy, reached = 0.0, float("-inf")
    for start, end in intervals:
        busy += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return busy


def self_line(tools: Tools, folder: Path, device: str) -> Line:
    sums = json.loads((folder / "key_averages.json").read_text(encoding="utf-8"))
    averages = {entry["key"]: float(entry["self_cpu_us"]) for entry in sums if entry["key"].startswith("aten::") and entry["self_cpu_us"] > 0}
    tools.layerline("import", str(trace_of(folder)), "--out", "self-time", most_s=90)
    rows = tools.sql("self-time", "SELECT name, sum(self_ns) / 1e3 AS us FROM v_operators WHERE name LIKE 'aten::%' GROUP BY ALL")
    found = {row["name"]: float(row["us"]) for row in rows}
    top = sorted(averages, key=lambda name: -averages[name])[:TOP]
    error = sum(found.values()) / sum(averages.values()) - 1
    failures = [] if abs(error) <= SELF_LIMIT else [f"all operators together are {100 * error:+.1f} % off"]
    failures += [
        f"{name}: {found.get(name, 0):.0f} us, PyTorch {averages[name]:.0f} us"
        for name in top
        if abs(found.get(name, 0) / averages[name] - 1) > 2 * SELF_LIMIT
    ]
    figures: dict[str, Any] = {
        "device": device,
        "self_us": sum(found.values()),
        "key_averages_us": sum(averages.values()),
        "error": error,
        "operators": len(averages),
    }
    if device == "cuda":
        kernels = tools.sql("self-time", "SELECT sum(dur_ns) / 1e3 AS us FROM v_kernels")
        figures["kernels_us"] = float(kernels[0]["us"] or 0)
        figures["key_averages_device_us"] = sum(float(entry["self_device_us"]) for entry in sums)
    return judged("", "", failures, figures, {"error": SELF_LIMIT, "error_of_one": 2 * SELF_LIMIT})
