"""A small trace as Kineto writes it, of which all sums are known.

| launch | by | inside | kernels, us |
|---|---|---|---|
| 11 | cuda_runtime | aten::addmm in aten::linear, External id 2 | gemm 100 |
| 12 | cuda_runtime | the same | splitk 20 |
| 13 | cuda_driver | aten::add, External id 5, Sequence number 2 | triton 7.5 |
| 14 | cuda_driver, a CUDA graph | no operator | a 30, b 40 |
| 15 | cuda_runtime, a copy | aten::copy_ | Memcpy HtoD 3 |
| 16 | none in the trace | names External id 5 | late 1.5 |
| 17 | none in the trace | names nobody | lost 1 |
"""

from __future__ import annotations

from typing import Any

KERNEL_US = 100 + 20 + 7.5 + 30 + 40 + 3 + 1.5 + 1


def host(category: str, name: str, ts: float, dur: float, **args: Any) -> dict[str, Any]:
    return {"ph": "X", "cat": category, "name": name, "pid": 1, "tid": 1, "ts": ts, "dur": dur, "args": args}


def device(category: str, name: str, ts: float, dur: float, correlation: int, stream: int = 7, **args: Any) -> dict[str, Any]:
    args = {"correlation": correlation, "stream": stream, "device": 0, **args}
    return {"ph": "X", "cat": category, "name": name, "pid": 0, "tid": stream, "ts": ts, "dur": dur, "args": args}


def trace() -> list[dict[str, Any]]:
    ids = "External id"
    return [
        {"ph": "M", "name": "process_name", "pid": 1, "tid": 0, "args": {"name": "python"}},
        host("python_function", "model.py(3): forward", 0, 500),
        host("python_function", "nn.Module: Linear_0", 1, 200),
        host("cpu_op", "aten::linear", 10, 100, **{ids: 1, "Input Dims": [[2, 8], [8, 8]]}),
        host("cpu_op", "aten::addmm", 20, 80, **{ids: 2, "Sequence number": 9, "Input Dims": [[8], [2, 8], [8, 8]]}),
        host("cuda_runtime", "cudaLaunchKernel", 30, 5, correlation=11, **{ids: 2}),
        host("cuda_runtime", "cudaLaunchKernel", 40, 5, correlation=12, **{ids: 2}),
        host("cpu_instant_event", "[memory]", 35, 0, Bytes=64, **{"Device Type": 1}) | {"ph": "i"},
        # Its sequence number is another operator's External id.
        host("cpu_op", "aten::add", 210, 40, **{ids: 5, "Sequence number": 2, "Input Dims": [[2, 8]]}),
        host("cuda_driver", "cuLaunchKernelEx", 220, 4, correlation=13, **{ids: 5}),
        host("cuda_driver", "cuGraphLaunch", 300, 6, correlation=14),
        host("cpu_op", "aten::copy_", 320, 20, **{ids: 6}),
        host("cuda_runtime", "cudaMemcpyAsync", 325, 6, correlation=15, **{ids: 6}),
        host("cpu_op", "aten::view", 350, 5, **{ids: 7}),
        device("kernel", "gemm", 400, 100, 11, **{ids: 2}),
        device("kernel", "splitk", 500, 20, 12, **{ids: 2}),
        device("kernel", "triton", 520, 7.5, 13, stream=8, **{ids: 5}),
        device("kernel", "a", 530, 30, 14),
        device("kernel", "b", 560, 40, 14),
        device("gpu_memcpy", "Memcpy HtoD", 600, 3, 15, **{ids: 6}),
        device("kernel", "late", 610, 1.5, 16, **{ids: 5}),
        device("kernel", "lost", 620, 1, 17),
    ]
