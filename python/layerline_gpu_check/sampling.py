"""nvidia-smi at three periods against NVML's energy counter, and the labels of the samples against a server that knows its times."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Iterator

from layerline_gpu_check.nvml import EnergyLog, Nvml
from layerline_gpu_check.outcome import Line, NotPossible, judged
from layerline_gpu_check.stream_server import Served, StreamServer
from layerline_gpu_check.tools import Tools

PERIODS_MS = (100, 20, 10)
ENERGY_LIMIT = 0.05
PACE_LIMIT = 1.5
LABEL_LIMIT = 0.99
# nvidia-smi's values are means over up to a second, and a sensor looks ten times a second.
WINDOW_S = 1.0
SLACK_S = 0.25
PROMPTS = (("p0", "prefill", "alpha beta gamma", 4), ("p1", "decode", "delta epsilon", 60), ("p2", "decode", "zeta eta theta iota", 60))
TRACER_COLUMNS = "gpu_ts,gpu_util,mem_util,logged_at,prompt_id,in_toks,out_toks,prompt_size,model".split(",")
VISION_COLUMNS = "timestamp,prompt_id,input_tokens,output_tokens_requested,output_tokens,gpu_name,llm_name,inference_stage,gpu_utilization,power_w".split(",")
# Work and rest in turns, so that power moves.
LOAD = """
import time, torch
a = torch.randn(4096, 4096, device="cuda", dtype=torch.float16)
end = time.time() + 60
while time.time() < end:
    stop = time.time() + 1
    while time.time() < stop:
        a = (a @ a).clamp(-1, 1)
    torch.cuda.synchronize()
    time.sleep(1)
"""


@dataclass
class Sampled:
    """A recorded run, what NVML counted meanwhile, and when the server answered which prompt."""

    run: str
    energy: EnergyLog
    served: dict[str, Served]


def sampling_lines(tools: Tools, nvml: Nvml, cuda: bool, periods_ms: list[int]) -> tuple[list[Line], Sampled | None]:
    """A line per period, and the first run, for the labels."""
    lines: list[Line] = []
    first: Sampled | None = None
    for period in periods_ms:
        what = f"nvidia-smi every {period} ms: energy as NVML's counter has it"
        try:
            if shutil.which("nvidia-smi") is None:
                raise NotPossible("no nvidia-smi on PATH; it comes with the NVIDIA driver")
            sampled = record(tools, nvml, period, cuda)
            first = first or sampled
            lines.append(energy_line(tools, sampled, period, what))
        except NotPossible as error:
            lines.append(Line(f"sampling-{period}ms", what, "not possible", str(error)))
        except (RuntimeError, OSError) as error:
            lines.append(Line(f"sampling-{period}ms", what, "fail", str(error)))
    return lines, first


def record(tools: Tools, nvml: Nvml, period_ms: int, cuda: bool) -> Sampled:
    prompts = tools.folder / "prompts.csv"
    with prompts.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["prompt_id", "stage", "size", "max_tokens", "prompt"])
        writer.writerows([name, stage, len(text.split()), tokens, text] for name, stage, text, tokens in PROMPTS)
    run = f"sampling-{period_ms}ms"
    server = StreamServer(first_s=1.5, gap_s=0.03)
    try:
        with load(tools) if cuda else nothing():
            energy = EnergyLog(nvml)
            try:
                tools.layerline(
                    *["trace", "--prompts", str(prompts), "--url", server.url, "--model", "gpu-check", "--gpu", "local"],
                    *["--sample-ms", str(period_ms), "--out", run, "--quiet"],
                )
            finally:
                energy.stop()
    finally:
        server.close()
    return Sampled(run, energy, server.times())


def energy_line(tools: Tools, sampled: Sampled, period_ms: int, what: str) -> Line:
    report = json.loads(tools.layerline("report", sampled.run, "--json"))
    start, end = measured_span(tools, sampled.run)
    counted = sampled.energy.between(start, end)
    if counted is None or counted <= 0:
        raise NotPossible("NVML's energy counter did not move while the run was measured")
    gpu = next((energy for energy in report["hardware"]["energy"] if energy["scope"] == "gpu"), None)
    if gpu is None:
        raise RuntimeError("the run has no GPU energy")
    pace = tools.sql(
        sampled.run,
        "SELECT max(period) AS ms FROM (SELECT track_id, median(gap) / 1e6 AS period FROM (SELECT track_id, t_ns - lag(t_ns) OVER "
        "(PARTITION BY track_id ORDER BY t_ns) AS gap FROM counters c JOIN tracks t USING (track_id) "
        "WHERE t.layer = 'gpu' AND t.name = 'gpu_utilization_ratio') GROUP BY track_id)",
    )[0]["ms"]
    error = gpu["whole_j"]["value"] / counted - 1
    inside = gpu["whole_j"]["low"] <= counted <= gpu["whole_j"]["high"]
    figures = {
        "energy_j": gpu["whole_j"]["value"],
        "nvml_energy_j": counted,
        "error": error,
        "nvml_inside_interval": inside,
        "sources": sorted({source["name"] for source in gpu["sources"]}),
        "covered_share": gpu["covered_share"],
        "median_period_ms": float(pace or 0),
        "seconds": end - start,
    }
    failures = []
    if abs(error) > ENERGY_LIMIT:
        failures.append(f"energy is {100 * error:+.1f} % off NVML's")
    if not 0 < figures["median_period_ms"] <= PACE_LIMIT * period_ms:
        failures.append(f"samples came every {figures['median_period_ms']:.1f} ms")
    limits = {"error": ENERGY_LIMIT, "median_period_ms": PACE_LIMIT * period_ms}
    return judged(f"sampling-{period_ms}ms", what, failures, figures, limits)


def measured_span(tools: Tools, run: str) -> tuple[float, float]:
    """First moment a request was due or begun to the last one's end, Unix s."""
    row = tools.sql(
        run,
        "SELECT min(least(scheduled_ns, coalesce(connect_start_ns, sent_ns))) AS a, max(end_ns) AS b, "
        "(SELECT offset_ns FROM clocks WHERE clock = 'unix' ORDER BY t_ns DESC LIMIT 1) AS off FROM requests WHERE phase = 'measured'",
    )[0]
    epoch = int(json.loads((tools.folder / run / "run.json").read_text(encoding="utf-8"))["epoch_ns"])
    offset = float(row["off"] or 0)
    return tuple((epoch + float(row[key]) + offset) / 1e9 for key in ("a", "b"))  # type: ignore[return-value]


def label_lines(tools: Tools, sampled: Sampled | None) -> list[Line]:
    """The CSV files of the first two seeds from a run with samples, each line by the server's own times."""
    kinds = (("labels-tracer", "trace CSV: each sample has the prompt that the server answered", tracer_line),
             ("labels-vision", "prefill and decode CSV: each line in the stage that the server was in, power as NVML's", vision_line))
    lines = []
    for line_id, what, check in kinds:
        if sampled is None:
            lines.append(Line(line_id, what, "not possible", "no run with samples"))
            continue
        try:
            lines.append(check(tools, sampled, line_id, what))
        except NotPossible as error:
            lines.append(Line(line_id, what, "not possible", str(error)))
        except (RuntimeError, OSError, KeyError, ValueError) as error:
            lines.append(Line(line_id, what, "fail", str(error)))
    return lines


def unix(stamp: str) -> float:
    return datetime.fromisoformat(stamp.strip().removesuffix("Z").replace(" ", "T") + "+00:00").timestamp()


def served_as(sampled: Sampled, prompt_id: str) -> Served | None:
    text = next((text for name, _, text, _ in PROMPTS if name == prompt_id), None)
    return None if text is None else sampled.served.get(text)


def tracer_line(tools: Tools, sampled: Sampled, line_id: str, what: str) -> Line:
    folder = tools.folder / "traces"
    tools.layerline("export", sampled.run, "--to", "tracer-csv", "--out", str(folder))
    rows = [row for file in sorted(folder.glob("*.csv")) for row in read_csv(file)]
    columns = list(rows[0]) if rows else []
    right = 0
    counts = dict.fromkeys((name for name, *_ in PROMPTS), 0)
    for row in rows:
        at = unix(row["logged_at"])
        served = served_as(sampled, row["prompt_id"])
        if row["prompt_id"] == "":
            right += all(at - WINDOW_S + SLACK_S >= s.end or at - SLACK_S <= s.start for s in sampled.served.values())
        elif served is not None:
            right += served.start - SLACK_S <= at and at - WINDOW_S - SLACK_S <= served.end
            counts[row["prompt_id"]] += 1
    return labelled(line_id, what, columns == TRACER_COLUMNS, columns, rows, right, counts)


def vision_line(tools: Tools, sampled: Sampled, line_id: str, what: str) -> Line:
    folder = tools.folder / "vision"
    tools.layerline("export", sampled.run, "--to", "tracer-csv", "--vision", "--out", str(folder))
    files = sorted(folder.glob("*.csv"))
    rows = [row for file in files for row in read_csv(file)]
    columns = list(rows[0])[: len(VISION_COLUMNS)] if rows else []
    right = 0
    counts: dict[str, int] = {"prefill": 0, "decode": 0}
    for row in rows:
        at, served = unix(row["timestamp"]), served_as(sampled, row["prompt_id"])
        if served is None:
            continue
        a, b = (served.start, served.first) if row["inference_stage"] == "prefill" else (served.first, served.end)
        right += a - SLACK_S <= at and at - WINDOW_S - SLACK_S <= b
        counts[row["inference_stage"]] += 1
    line = labelled(line_id, what, columns == VISION_COLUMNS, columns, rows, right, counts)
    powers = [float(row["power_w"]) for row in rows if row["power_w"]]
    times = [unix(row["timestamp"]) for row in rows if row["power_w"]]
    counted = sampled.energy.between(min(times), max(times)) if len(times) > 1 and max(times) > min(times) else None
    if counted is None:
        line.result, line.reason = "fail", "; ".join(filter(None, [line.reason, "no power in the lines"]))
        return line
    # The mean over lines is one per GPU; samples of several GPUs are in as many files.
    gpus = len(sampled.energy.readings)
    line.figures.update(mean_power_w=sum(powers) / len(powers), nvml_mean_power_w=counted / (max(times) - min(times)) / gpus)
    line.limits["mean_power_error"] = 0.1
    if abs(line.figures["mean_power_w"] / line.figures["nvml_mean_power_w"] - 1) > 0.1:
        line.result = "fail"
        line.reason = "; ".join(filter(None, [line.reason, "mean power of the lines is not NVML's"]))
    return line


def labelled(line_id: str, what: str, header: bool, columns: list[str], rows: list[dict[str, str]], right: int, counts: dict[str, int]) -> Line:
    share = right / len(rows) if rows else 0.0
    failures = [] if header else [f"columns are {','.join(columns)}"]
    if share < LABEL_LIMIT:
        failures.append(f"{len(rows) - right} of {len(rows)} lines are labelled otherwise than the server answered")
    failures += [f"no line of {name}" for name, count in counts.items() if count == 0]
    return judged(line_id, what, failures, {"lines": len(rows), "right_share": share, **counts}, {"right_share": LABEL_LIMIT})


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@contextmanager
def load(tools: Tools) -> Iterator[None]:
    child = subprocess.Popen([tools.python, "-c", LOAD], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def nothing() -> Iterator[None]:
    yield
