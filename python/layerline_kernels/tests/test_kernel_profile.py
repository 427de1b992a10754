"""Kernels and their operators, out of a trace of known sums."""

from __future__ import annotations

import gzip
import json
from typing import Any

from layerline_kernels.profiles.kernel_files import write_kernel_files
from layerline_kernels.profiles.kineto import Event, read_trace
from layerline_kernels.profiles.modules import module_times
from layerline_kernels.profiles.operators import operator_profile, operator_totals
from layerline_kernels.profiles.steps import count_steps
from tests.kineto_trace import KERNEL_US, host, trace
from tests.support import FolderTest


class KernelProfileTest(FolderTest):
    def events(self, raw: list[dict[str, Any]]) -> list[Event]:
        path = self.folder / "trace.json.gz"
        with gzip.open(path, "wt", encoding="utf-8") as file:
            json.dump({"traceEvents": raw}, file)
        return read_trace(path)

    def entries(self, *traces: list[Event]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        facts = write_kernel_files(list(traces), self.folder, "kernels")
        return facts, json.loads((self.folder / "kernels.json").read_text())

    def test_every_kernel_is_counted_once_with_the_operator_that_launched_it_and_operators_without_are_listed(self) -> None:
        facts, entries = self.entries(self.events(trace()))
        self.assertEqual(facts, {"kernels": 8, "kernel_time_us": KERNEL_US})
        self.assertEqual(
            [(e["cpu_op_name"], e["cpu_op_cat"], e["total_kernel_time_us"], e["kernel_call_count"]) for e in entries],
            [
                ("aten::linear", "cpu_op", 0, 0),
                ("aten::addmm", "cpu_op", 120, 2),
                ("aten::add", "cpu_op", 9, 2),
                ("cuGraphLaunch", "cuda_driver", 70, 2),
                ("aten::copy_", "cpu_op", 3, 1),
                ("aten::view", "cpu_op", 0, 0),
                ("<no launch in the trace>", None, 1, 1),
            ],
        )

    def test_an_entry(self) -> None:
        _, entries = self.entries(self.events(trace()))
        self.assertEqual(
            next(e for e in entries if e["cpu_op_name"] == "aten::addmm"),
            {
                "sequence_number": 9,
                "cpu_op_name": "aten::addmm",
                "cpu_op_cat": "cpu_op",
                "cpu_external_id": 2,
                "cpu_time_us": 80,
                "total_kernel_time_us": 120,
                "kernel_call_count": 2,
                "associated_kernels": [
                    {
                        "kernel_name": "gemm",
                        "kernel_cat": "kernel",
                        "kernel_external_id": 11,
                        "kernel_duration_us": 100,
                        "stream_id": 7,
                    },
                    {
                        "kernel_name": "splitk",
                        "kernel_cat": "kernel",
                        "kernel_external_id": 12,
                        "kernel_duration_us": 20,
                        "stream_id": 7,
                    },
                ],
                "kernel_call_count_by_shape": {"[[8], [2, 8], [8, 8]]": 2},
                "kernel_call_count_by_stream": {"7": 2},
                "kernel_duration_stats_us": {"min": 20, "max": 100, "avg": 60},
                "input_dims_count": 3,
                "call_stack": ["nn.Module: Linear_0", "model.py(3): forward"],
            },
        )
        add = next(e for e in entries if e["cpu_op_name"] == "aten::add")
        self.assertEqual(add["kernel_call_count_by_stream"], {"8": 1, "7": 1})
        view = next(e for e in entries if e["cpu_op_name"] == "aten::view")
        self.assertEqual(
            (view["total_kernel_time_us"], view["kernel_call_count"], view["associated_kernels"]),
            (0, 0, []),
        )
        self.assertEqual((view["kernel_duration_stats_us"], view["kernel_call_count_by_shape"]), ({}, {}))

    def test_ranks_whose_correlations_are_the_same_are_kept_apart(self) -> None:
        events = self.events(trace())
        facts, entries = self.entries(events, events)
        self.assertEqual(facts, {"kernels": 16, "kernel_time_us": 2 * KERNEL_US})
        self.assertEqual(len(entries), 14)

    def test_the_table(self) -> None:
        self.entries(self.events(trace()))
        self.assertEqual(
            (self.folder / "kernels.csv").read_text().splitlines(),
            [
                "cpu_op_name,cpu_op_total_count,gpu_kernel_name,gpu_kernel_total_count",
                "<no launch in the trace>,1,lost,1",
                "aten::add,1,triton,1",
                ",,late,1",
                "aten::addmm,1,gemm,1",
                ",,splitk,1",
                "aten::copy_,1,Memcpy HtoD,1",
                "aten::linear,1,,",
                "aten::view,1,,",
                "cuGraphLaunch,1,a,1",
                ",,b,1",
            ],
        )

    def test_operators(self) -> None:
        profile = operator_profile(self.events(trace()), {2: 1000})
        figures = {
            name: [(e["count"], e["cpu_time_total"], e["self_cpu_time_total"], e["cuda_time_total"], e["flops"]) for e in entries]
            for name, entries in profile.items()
        }
        self.assertEqual(
            figures,
            {
                "aten::linear": [(1, 100, 20, 120, 0)],
                "aten::addmm": [(1, 80, 80, 120, 1000)],
                "aten::add": [(1, 40, 40, 7.5, 0)],
                "aten::copy_": [(1, 20, 20, 3, 0)],
                "aten::view": [(1, 5, 5, 0, 0)],
            },
        )
        linear = profile["aten::linear"][0]
        self.assertEqual(
            (linear["input_shapes"], linear["stack"], linear["self_cuda_time_total"]),
            ("[[2, 8], [8, 8]]", ["nn.Module: Linear_0", "model.py(3): forward"], 0),
        )
        self.assertEqual((linear["cuda_memory_bytes"], linear["self_cuda_memory_bytes"]), (64, 0))
        self.assertEqual(profile["aten::addmm"][0]["self_cuda_memory_bytes"], 64)

    def test_totals_over_ranks(self) -> None:
        events = self.events(trace())
        self.assertEqual(operator_totals([events, events])["aten::addmm"], {"count": 2, "cpu_time_total": 160})

    def test_modules(self) -> None:
        raw = [
            host("python_function", "nn.Module: Outer_0", 0, 100),
            host("python_function", "nn.Module: Inner_0", 10, 30),
            host("python_function", "nn.Module: Inner_0", 50, 20),
        ]
        self.assertEqual(
            module_times(self.events(raw)),
            [
                {"module": "Outer_0", "count": 1, "cpu_time_total": 100, "self_cpu_time_total": 50},
                {"module": "Inner_0", "count": 2, "cpu_time_total": 50, "self_cpu_time_total": 50},
            ],
        )

    def test_steps(self) -> None:
        names = ("1(16)_generation_0(0)", "0(0)_generation_2(2)", "1(8)_generation_2(2)", "0(0)_generation_0(0)")
        raw = [host("user_annotation", f"execute_context_{name}", 10 * i, 5) for i, name in enumerate(names)]
        self.assertEqual(count_steps(self.events(raw)), {"prefill": 1, "decode": 1, "mixed": 1, "empty": 1})
