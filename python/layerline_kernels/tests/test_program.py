"""The program as it is started: exit codes, markers, lines of JSON."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from tests.support import ROOT, Ended, FolderTest, program

MEMORY_BYTES = 8 << 30
NAMES = ["torch_profiler", "torch_dispatch", "print_aten_ops", "print_fx", "torch_inductor", "vllm_profiler"]
KEYS = [
    *("name", "description", "frameworks", "exclusive_group", "version"),
    *("modes", "devices", "requires", "available", "why_not"),
]
MINE = """
from layerline_kernels import Tracer


class Mine(Tracer):
    name = "mine"
    description = "Counts parameters"
    exclusive_group = None

    def run(self, ctx, output_dir):
        print("noise of a library")
        ctx.run()
        (output_dir / "mine.txt").write_text(str(sum(p.numel() for p in ctx.model.parameters())))


class Needs(Mine):
    name = "needs"
    requires = ("torch", "no_such_module")
"""


class ListTest(FolderTest):
    def test_list(self) -> None:
        listed = json.loads("".join(self.text("list")))
        self.assertEqual([entry["name"] for entry in listed], NAMES)
        self.assertEqual({tuple(entry) for entry in listed}, {tuple(KEYS)})
        self.assertEqual([entry["name"] for entry in json.loads(self.text("list", "--framework", "vllm"))], NAMES[-1:])

    def test_describe(self) -> None:
        found = json.loads(self.text("describe", "torch_profiler"))
        self.assertEqual(list(found), [*KEYS, "doc", "files"])
        self.assertIn("torch_kernel_profile.csv", found["files"])

    def test_a_tracer_of_ones_own(self) -> None:
        path = self.folder / "mine.py"
        path.write_text(MINE)
        listed = {entry["name"]: entry for entry in json.loads(self.text("list", "--tracer-path", str(path)))}
        self.assertEqual(listed["mine"]["frameworks"], ["huggingface"])
        self.assertEqual(listed["needs"]["why_not"], "this Python has no module no_such_module")
        self.assertFalse(listed["needs"]["available"])

    def test_files_that_are_no_tracers(self) -> None:
        files = {
            "none.py": ("x = 1", "defines no subclass"),
            "syntax.py": ("class", "SyntaxError"),
            "exits.py": ("raise SystemExit(0)", "SystemExit"),
            "abstract.py": ("from layerline_kernels import Tracer\nclass A(Tracer):\n name = 'a'", "no run()"),
            "path.py": (MINE.replace('"mine"', '"../mine"'), "names a folder"),
            "taken.py": (MINE.replace('"mine"', '"print_fx"'), "is there already"),
            "modes.py": (MINE + "    modes = 'eval'", "list of names"),
            "binary.bin": ("\0", "not a Python file"),
        }
        for name, (content, why) in files.items():
            path = self.folder / name
            path.write_text(content)
            with self.subTest(name):
                ended = program("list", "--tracer-path", path)
                self.assertEqual(ended.code, 2)
                self.assertIn(why, ended.stderr)
        self.assertEqual(program("list", "--tracer-path", self.folder / "not.py").code, 2)

    def text(self, *arguments: str) -> str:
        # -X importtime says on stderr what was imported.
        ended = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "layerline_kernels", *arguments],
            env={"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertNotRegex(ended.stderr, r"\| +(torch|transformers|vllm|huggingface_hub)\n")
        return ended.stdout


class RunTest(FolderTest):
    model: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        from tests.tiny_models import llama

        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.model = llama(Path(folder.name) / "model")

    def run_program(self, tracer: str, *more: str, **options: Any) -> Ended:
        path = self.folder / "mine.py"
        path.write_text(MINE)
        fixed = ("--framework", "huggingface", "--model-path", self.model, "--output-dir", self.folder / "out")
        return program("run", *fixed, "--tracer", tracer, "--tracer-path", path, *more, **options)

    def marker(self) -> dict[str, Any]:
        marker: dict[str, Any] = json.loads((self.folder / "out/_TRACE_STATUS.json").read_text())
        return marker

    def test_a_tracer_of_ones_own(self) -> None:
        ended = self.run_program("mine", "--model", "org/tiny", "--device", "cpu", "--output-tokens", "2")
        self.assertEqual(ended.code, 0, ended.stderr)
        # Ended has read stdout as JSON lines: the tracer's print is elsewhere.
        self.assertIn("noise of a library", ended.stderr)
        self.assertEqual([line.get("phase") for line in ended.lines[:-1]], ["load", "prefill", "decode"])
        self.assertEqual((self.marker()["tracer"], self.marker()["facts"]["model_id"]), ("mine", "org/tiny"))

    def test_a_missing_module(self) -> None:
        ended = self.run_program("needs")
        self.assertEqual((ended.code, ended.last["success"]), (4, False))
        self.assertEqual(self.marker()["error"]["module"], "no_such_module")

    def test_out_of_memory_and_no_marker_of_before(self) -> None:
        out = self.folder / "out"
        out.mkdir()
        (out / "_TRACE_STATUS.json").write_text('{"success": true}')

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))

        ended = self.run_program("mine", "--batch", "400000", "--input-tokens", "200", preexec=limit)
        self.assertEqual(ended.code, 9, ended.stderr)
        self.assertEqual((self.marker()["success"], self.marker()["error"]["kind"]), (False, "out_of_memory"))

    def test_wrong_usage(self) -> None:
        self.assertEqual(self.run_program("no_such_tracer").code, 2)
        self.assertEqual(self.run_program("vllm_profiler").code, 2)
        self.assertEqual(self.run_program("mine", "--batch", "0").code, 2)
        self.assertEqual(self.run_program("mine", "--model-path", "/no/such/folder").code, 2)

    def test_vllm_does_not_train(self) -> None:
        ended = self.run_program("vllm_profiler", "--framework", "vllm", "--mode", "train")
        self.assertEqual((ended.code, self.marker()["error"]["kind"]), (5, "unsupported"))

    def test_a_model_that_is_not_whole(self) -> None:
        (self.folder / "config.json").write_text((self.model / "config.json").read_text())
        ended = self.run_program("mine", "--model-path", str(self.folder))
        self.assertEqual((ended.code, self.marker()["error"]["kind"]), (1, "incomplete_model"))

    def test_no_cuda_here(self) -> None:
        import torch

        if torch.cuda.is_available():
            self.skipTest("this machine has a CUDA device")
        ended = self.run_program("mine", "--device", "cuda")
        self.assertEqual((ended.code, self.marker()["error"]["module"]), (4, "cuda"))
