"""Model folders that are not whole, or not known."""

from __future__ import annotations

import json
from typing import Any

from layerline_kernels.hub.check import file_problems
from tests.support import FolderTest, program, safetensors

INDEX = {"weight_map": {"a": "m-1.safetensors", "b": "m-1.safetensors", "c": "m-2.safetensors"}}


class CheckTest(FolderTest):
    def setUp(self) -> None:
        super().setUp()
        self.write("config.json", json.dumps({"architectures": ["LlamaForCausalLM"], "model_type": "llama"}).encode())
        self.write("model.safetensors.index.json", json.dumps(INDEX).encode())
        self.write("m-1.safetensors", safetensors({"a": 10, "b": 5}))
        self.write("m-2.safetensors", safetensors({"c": 7}))

    def write(self, name: str, data: bytes) -> None:
        (self.folder / name).write_bytes(data)

    def problems(self, allow_pickle: bool = False) -> list[str]:
        return file_problems(self.folder, allow_pickle)[0]

    def test_whole(self) -> None:
        self.assertEqual(file_problems(self.folder, False), ([], 4 * 22))

    def test_a_shard_is_missing(self) -> None:
        (self.folder / "m-2.safetensors").unlink()
        self.assertEqual(self.problems(), ["m-2.safetensors is missing"])

    def test_a_link_to_a_blob_that_is_gone(self) -> None:
        (self.folder / "m-2.safetensors").unlink()
        (self.folder / "m-2.safetensors").symlink_to(self.folder / "blob")
        self.assertEqual(self.problems(), ["m-2.safetensors is missing"])

    def test_a_shard_is_short(self) -> None:
        whole = safetensors({"c": 7})
        self.write("m-2.safetensors", whole[:-4])
        expected = f"m-2.safetensors has {len(whole) - 4} bytes, its header says {len(whole)}"
        self.assertEqual(self.problems(), [expected])

    def test_a_shard_without_a_tensor_of_the_index(self) -> None:
        self.write("m-1.safetensors", safetensors({"a": 10}))
        self.assertEqual(self.problems(), ["m-1.safetensors lacks 1 tensors of the index, b first"])

    def test_no_safetensors_at_all(self) -> None:
        for data, why in ((b"", "too short"), (b"\xff" * 64, "no safetensors file"), (b"\x02" + bytes(7) + b"[}", "header")):
            self.write("m-2.safetensors", data)
            with self.subTest(why):
                self.assertIn(why, self.problems()[0])

    def test_an_index_that_cannot_be_read(self) -> None:
        self.write("model.safetensors.index.json", b"{")
        self.assertIn("model.safetensors.index.json cannot be read", self.problems()[0])

    def test_pickles_need_permission(self) -> None:
        for file in self.folder.glob("*safetensors*"):
            file.unlink()
        self.assertEqual(self.problems(), ["it has no weights"])
        self.write("pytorch_model.bin", b"a pickle")
        self.assertIn("--allow-pickle", self.problems()[0])
        self.assertEqual(file_problems(self.folder, True), ([], 8))

    def check(self, *more: str) -> dict[str, Any]:
        ended = program("check", "--framework", "huggingface", "--model-path", self.folder, *more)
        self.assertEqual(ended.code, 0, ended.stderr)
        return ended.last

    def test_the_command(self) -> None:
        expected = {"ok": True, "problems": [], "architecture": "LlamaForCausalLM", "known": True, "weights_bytes": 88}
        self.assertEqual(self.check(), expected)
        own = {"architectures": ["MineForCausalLM"], "model_type": "mine", "auto_map": {"AutoModelForCausalLM": "mine.M"}}
        self.write("config.json", json.dumps(own).encode())
        unknown = self.check()
        self.assertEqual((unknown["ok"], unknown["known"], unknown["architecture"]), (False, False, "MineForCausalLM"))
        self.assertEqual(self.check("--trust-remote-code")["known"], True)
