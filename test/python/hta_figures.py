"""Prints what Holistic Trace Analysis makes of a folder of traces, as JSON; with two folders, what it says of their difference."""

import json
import logging
import math
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import pandas as pd  # noqa: E402
from hta.analyzers.critical_path_analysis import CriticalPathAnalysis  # noqa: E402
from hta.analyzers.straggler import find_stragglers_with_late_start_comm_kernels  # noqa: E402
from hta.analyzers.straggler_analysis import StragglerAnalysis  # noqa: E402
from hta.trace_analysis import TraceAnalysis  # noqa: E402
from hta.trace_diff import DeviceType, TraceDiff  # noqa: E402


def plain(value):
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def records(frame):
    return [{key: plain(value) for key, value in row.items()} for row in frame.to_dict("records")]


def sequences(folder, operator):
    analysis = TraceAnalysis(trace_dir=folder)
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for rank in analysis.t.get_ranks():
            frame = analysis.get_frequent_cuda_kernel_sequences(operator_name=operator, output_dir=scratch, rank=rank, visualize=False)
            found += [{"rank": rank, **row} for row in records(frame)]
    return found


def stragglers(folder):
    trace = TraceAnalysis(trace_dir=folder).t
    steps = StragglerAnalysis.get_profiler_steps(trace)
    frames = pd.concat([trace.get_trace(rank) for rank in trace.get_ranks()], keys=trace.get_ranks(), names=["rank", "idx"]).reset_index()
    counts = find_stragglers_with_late_start_comm_kernels(frames[frames["iteration"].isin(steps)], trace.symbol_table)
    return {str(rank): plain(count) for rank, count in counts.items()}


def paths(analysis, annotation):
    found = []
    for rank in analysis.t.get_ranks():
        frame = analysis.t.get_trace(rank)
        names = analysis.t.symbol_table.get_sym_table()
        count = 1 if annotation == "" else sum(annotation in names[name] for name in frame["name"])
        for instance in range(min(count, 16)):
            try:
                graph, known = CriticalPathAnalysis.critical_path_analysis(analysis.t, rank, annotation, instance)
            except AssertionError:
                known = False
            length = sum(graph.edges[u, v]["weight"] for u, v in zip(graph.critical_path_nodes, graph.critical_path_nodes[1:])) if known else None
            found.append({"rank": rank, "instance": instance, "duration_us": plain(length)})
    return found


def difference(control, test, iterations, device):
    a, b = [int(each) for each in iterations.split(",")]
    return TraceDiff.ops_diff(control, test, control_iteration=a, test_iteration=b, device_type=DeviceType[device.upper()])


def figures(folder):
    analysis = TraceAnalysis(trace_dir=folder)
    ranks = analysis.t.get_ranks()
    types, _ = analysis.get_gpu_kernel_breakdown(visualize=False)
    launches = analysis.get_cuda_kernel_launch_stats(ranks=ranks, visualize=False)
    idle = [records(analysis.get_idle_time_breakdown(ranks=[rank], visualize=False)[0]) for rank in ranks]
    queue = analysis.get_queue_length_summary(ranks=ranks)
    queue.columns = queue.columns.get_level_values(1)
    bandwidth = analysis.get_memory_bw_summary(ranks=ranks)
    bandwidth.columns = bandwidth.columns.get_level_values(1)
    return {
        "temporal_breakdown": records(analysis.get_temporal_breakdown(visualize=False)),
        "overlap": records(analysis.get_comm_comp_overlap(visualize=False)),
        "launches": [{"rank": rank, "count": len(launches[rank]), "delay": plain(launches[rank]["launch_delay"].mean())} for rank in ranks],
        "kernel_breakdown": records(types),
        "idle_breakdown": [row for rows in idle for row in rows],
        "queue_length": records(queue.reset_index()),
        "memory_bandwidth": records(bandwidth.reset_index()),
        "critical_path": paths(analysis, "ProfilerStep"),
    }


if sys.argv[1] == "--sequences":
    print(json.dumps(sequences(sys.argv[2], sys.argv[3])))
elif sys.argv[1] == "--stragglers":
    print(json.dumps(stragglers(sys.argv[2])))
elif sys.argv[1] == "--paths":
    print(json.dumps(paths(TraceAnalysis(trace_dir=sys.argv[2]), sys.argv[3])))
elif len(sys.argv) == 5:
    print(json.dumps(difference(*sys.argv[1:])))
elif len(sys.argv) == 2:
    print(json.dumps(figures(sys.argv[1])))
else:
    print(json.dumps(TraceDiff.ops_diff(sys.argv[1], sys.argv[2])))
