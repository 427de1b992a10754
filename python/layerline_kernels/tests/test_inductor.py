"""Inductor on one layer of a tiny Llama, and the folders that Triton leaves on a GPU."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from unittest import mock

import torch._inductor.config  # noqa: F401, to be patched

from layerline_kernels.graphs.inductor_files import triton_kernels
from tests.support import FolderTest
from tests.tiny_models import llama
from tests.tracer_runs import TracerTest

MODES = {"eval": ["inference"]}
"""Graphs by mode. g++ takes a minute for those of training: LAYERLINE_LONG=1 has them too."""
if os.environ.get("LAYERLINE_LONG") == "1":
    MODES["train"] = ["forward", "backward"]


def one_layer(folder: Path) -> Path:
    return llama(folder, layers=1)


class InductorTest(TracerTest):
    make = staticmethod(one_layer)

    def test_torch_inductor(self) -> None:
        compiler = self.folder / "fast-g++"
        compiler.write_text('#!/bin/sh\nexec g++ "$@" -O0\n')
        compiler.chmod(compiler.stat().st_mode | stat.S_IXUSR)
        kept = {name: os.environ.get(name) for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")}
        try:
            with mock.patch("torch._inductor.config.cpp.cxx", (None, str(compiler))):
                for mode, graphs in MODES.items():
                    with self.subTest(mode):
                        self.setUp()
                        self.inductor(mode, graphs)
        finally:
            for name, value in kept.items():
                os.environ.pop(name, None) if value is None else os.environ.update({name: value})

    def inductor(self, mode: str, graphs: list[str]) -> None:
        traced = self.trace("torch_inductor", mode, output_tokens=1)
        files = (traced.folder / "torch_inductor.txt").read_text().splitlines()
        self.assertTrue(all((traced.folder / file).is_file() for file in files))
        codes = [file for file in files if file.startswith("inductor/") and file.endswith("/output_code.py")]
        self.assertEqual(len(codes), len(graphs), codes)
        for graph in graphs:
            self.assertTrue(any(f"_{graph}_" in file for file in codes), codes)
        self.assertTrue(any(file.startswith("inductor_code/") and file.endswith(".cpp") for file in files))
        self.assertEqual(traced.json("torch_inductor_kernels.json"), [])


class TritonTest(FolderTest):
    def test_kernels_and_their_files(self) -> None:
        folder = self.folder / "triton" / "HASH"
        folder.mkdir(parents=True)
        facts = {"name": "triton_poi_0", "num_warps": 4, "num_stages": 1, "shared": 0, "hash": "x"}
        for name, content in (
            ("triton_poi_0.json", json.dumps(facts)),
            ("triton_poi_0.ptx", "ptx"),
            ("triton_poi_0.cubin", "cubin"),
            ("__grp__triton_poi_0.json", json.dumps({"child_paths": {}})),
        ):
            (folder / name).write_text(content)
        self.assertEqual(
            triton_kernels(self.folder, ("triton", "not there")),
            [
                {
                    "kernel_name": "triton_poi_0",
                    "ptx": "triton/HASH/triton_poi_0.ptx",
                    "cubin": "triton/HASH/triton_poi_0.cubin",
                    "launch_config": {"num_warps": 4, "num_stages": 1, "shared": 0},
                }
            ],
        )
