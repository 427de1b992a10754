"""Every tracer in both modes on a tiny Llama, whose operators can be counted by hand.

A forward pass multiplies matrices 7 times a layer (q, k, v, o, gate, up, down) and once for the logits; a backward pass
twice for each of them, once for the input and once for the weight.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import torch
from torch.profiler import ProfilerActivity, profile

from layerline_kernels import Tracer
from layerline_kernels.profiles.kineto import read_trace
from layerline_kernels.profiles.operators import operator_profile
from layerline_kernels.tracers.registry import load_tracers
from tests.tiny_models import HIDDEN, LAYERS, VOCABULARY, llama
from tests.tracer_runs import TracerTest

LINEARS = 7 * LAYERS + 1


class LlamaTest(TracerTest):
    make = staticmethod(llama)

    def test_torch_profiler_eval(self) -> None:
        traced = self.trace("torch_profiler", batch=2)
        self.assertEqual(traced.phases, ["load", "warmup", "prefill", "decode", "prefill", "decode", "export"])
        operators = traced.json("torch_profile.json")
        self.assertEqual(sum(entry["count"] for entry in operators["aten::mm"]), 3 * LINEARS)
        # The prefill's q, k, v and o: 2 x 5 tokens.
        square = next(e for e in operators["aten::mm"] if e["input_shapes"] == f"[[10, {HIDDEN}], [{HIDDEN}, {HIDDEN}]]")
        self.assertEqual((square["count"], square["flops"]), (4 * LAYERS, 4 * LAYERS * 2 * 10 * HIDDEN * HIDDEN))
        self.assertEqual(square["self_cpu_memory_bytes"], 4 * LAYERS * 4 * 10 * HIDDEN)
        self.assertTrue(any("LlamaAttention_0" in line for line in square["stack"]), square["stack"])
        modules = {entry["module"]: entry["count"] for entry in traced.json("torch_modules.json")}
        self.assertEqual((modules["LlamaForCausalLM_0"], modules["LlamaDecoderLayer_1"]), (3, 3))
        self.assertEqual(traced.json("torch_kernel_profile.json"), [])
        rows = (traced.folder / "torch_kernel_profile.csv").read_text().splitlines()
        self.assertIn(f"aten::mm,{3 * LINEARS},,", rows)
        names = Counter(e.name for e in read_trace(traced.folder / "trace.json.gz") if e.category == "user_annotation")
        self.assertEqual((names["prefill"], names["decode"]), (1, 2))
        self.assertEqual(names["execute_context_2(10)_generation_0(0)"], 1)
        self.assertEqual(names["execute_context_0(0)_generation_2(2)"], 2)

    def test_torch_profiler_train(self) -> None:
        traced = self.trace("torch_profiler", "train")
        operators = traced.json("torch_profile.json")
        self.assertEqual(sum(entry["count"] for entry in operators["aten::mm"]), 3 * LINEARS)
        names = Counter(e.name for e in read_trace(traced.folder / "trace.json.gz") if e.category == "user_annotation")
        self.assertEqual([names[n] for n in ("forward", "backward", "optimizer", "Optimizer.step#AdamW.step")], [1] * 4)
        self.assertEqual(traced.facts["loss_source"], "model")

    def test_operators_as_torch_itself_counts_them(self) -> None:
        left, right = torch.rand(6, 4), torch.rand(4, 6)
        with profile(activities=[ProfilerActivity.CPU], record_shapes=True, with_flops=True, profile_memory=True) as profiler:
            for _ in range(3):
                (left @ right).softmax(-1).sum()
        path = self.folder / "peer.json"
        profiler.export_chrome_trace(str(path))
        raw = profiler.profiler.kineto_results.events()
        ours = {
            (name, entry["input_shapes"]): entry
            for name, entries in operator_profile(read_trace(path), {e.correlation_id(): e.flops() for e in raw}).items()
            for entry in entries
        }
        theirs = {(e.key, str(e.input_shapes)): e for e in profiler.key_averages(group_by_input_shape=True)}
        self.assertGreater(len(ours), 4)
        self.assertEqual({key[0] for key in ours}, {key[0] for key in theirs if key[0].startswith("aten::")})
        for key, entry in ours.items():
            peer = theirs[key]
            self.assertEqual((entry["count"], entry["flops"]), (peer.count, peer.flops), key)
            self.assertEqual(entry["self_cpu_memory_bytes"], peer.self_cpu_memory_usage, key)
            self.assertEqual(entry["cpu_memory_bytes"], peer.cpu_memory_usage, key)
            self.assertAlmostEqual(entry["cpu_time_total"], peer.cpu_time_total, delta=0.01)
            self.assertAlmostEqual(entry["self_cpu_time_total"], peer.self_cpu_time_total, delta=0.01)

    def test_torch_dispatch_eval(self) -> None:
        operators = self.trace("torch_dispatch").json("torch_dispatch.json")
        products = {entry["inputs"]: entry["count"] for entry in operators["aten.mm.default"]}
        self.assertEqual(sum(products.values()), 3 * LINEARS)
        square = f"T([{HIDDEN}, {HIDDEN}], f32, stride=(1, {HIDDEN}))"
        self.assertEqual(products[f"((T([5, {HIDDEN}], f32), {square}), {{}})"], 4 * LAYERS)
        self.assertEqual(products[f"((T([1, {HIDDEN}], f32), {square}), {{}})"], 2 * 4 * LAYERS)
        embedding = [f"((T([{VOCABULARY}, {HIDDEN}], f32), T([1, 5], i64)), {{}})", 1]
        self.assertIn(embedding, [[e["inputs"], e["count"]] for e in operators["aten.embedding.default"]])

    def test_torch_dispatch_train(self) -> None:
        traced = self.trace("torch_dispatch", "train")
        operators = traced.json("torch_dispatch.json")
        self.assertEqual(sum(entry["count"] for entry in operators["aten.mm.default"]), 3 * LINEARS)
        self.assertEqual(sum(entry["count"] for entry in operators["aten.addcdiv_.default"]), 9 * LAYERS + 3)

    def test_print_fx(self) -> None:
        for mode, phases in (("eval", ["prefill", "decode"]), ("train", ["forward"])):
            with self.subTest(mode):
                self.setUp()
                content = self.trace("print_fx", mode, output_tokens=2).json("print_fx.json")
                self.assertEqual((content["type"], content["nodes"]), ("fx_graph", content["graphs"][0]["nodes"]))
                self.assertEqual([graph["phase"] for graph in content["graphs"]], phases)
                for graph in content["graphs"]:
                    linears = [node for node in graph["nodes"] if node["target"] == "torch._C._nn.linear"]
                    self.assertEqual(len(linears), LINEARS)
                    self.assertEqual(list(linears[0]), ["name", "op", "target", "args", "kwargs", "users"])
                self.assertEqual(content["graph_breaks"], {})

    def test_print_fx_keeps_the_graphs_of_all_breaks(self) -> None:
        from transformers.models.llama.modeling_llama import LlamaMLP

        forward = LlamaMLP.forward

        def broken(self: Any, x: Any) -> Any:
            torch._dynamo.graph_break()
            return forward(self, x)

        with mock.patch.object(LlamaMLP, "forward", broken):
            content = self.trace("print_fx", output_tokens=1).json("print_fx.json")
        linears = [
            sum(node["target"] == "torch._C._nn.linear" for node in graph["nodes"]) for graph in content["graphs"]
        ]
        # A part that both layers run alike is one graph; the attention, the MLP and the logits are there at least once.
        self.assertGreater(len(linears), 1)
        self.assertGreaterEqual(sum(linears), 4 + 3 + 1)
        self.assertLess(max(linears), sum(linears))
        self.assertGreaterEqual(sum(content["graph_breaks"].values()), 1)

    def test_print_aten_ops(self) -> None:
        expected = {"eval": {"inference": LINEARS}, "train": {"forward": LINEARS, "backward": 2 * LINEARS}}
        for mode, products in expected.items():
            with self.subTest(mode):
                self.setUp()
                traced = self.trace("print_aten_ops", mode, output_tokens=1)
                graphs = traced.json("print_aten.json")["graphs"]
                self.assertEqual({graph["kind"]: graph["ops"]["aten.mm.default"] for graph in graphs}, products)
                text = (traced.folder / "print_aten.txt").read_text()
                for index in range(len(graphs)):
                    self.assertIn(f"===== Graph {index} =====\ngraph():\n", text)
                self.assertEqual(text.count("torch.ops.aten.mm.default"), sum(products.values()))

    def test_training_changes_the_weights(self) -> None:
        class Weights(Tracer):
            name = "weights"
            changed: ClassVar[int] = 0

            def run(self, ctx: Any, output_dir: Path) -> dict[str, Any]:
                before = [p.detach().clone() for p in ctx.model.parameters()]
                ctx.run()
                changed = sum(not torch.equal(p, b) for p, b in zip(ctx.model.parameters(), before))
                return {"changed": changed, "of": len(before)}

        trained = self.trace(Weights(), "train").facts
        self.assertEqual((trained["changed"], trained["of"]), (9 * LAYERS + 3,) * 2)
        self.assertEqual(self.trace(Weights(), "eval").facts["changed"], 0)

    def test_dtype_and_marker(self) -> None:
        traced = self.trace("torch_dispatch", dtype="bfloat16", model_id="org/tiny")
        marker = traced.marker
        self.assertEqual(
            [marker[k] for k in ("tracer", "framework", "model", "device", "mode", "success", "tracer_version")],
            ["torch_dispatch", "huggingface", "LlamaForCausalLM", "cpu", "eval", True, "1"],
        )
        self.assertRegex(marker["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual((traced.facts["dtype"], traced.facts["model_id"]), ("bfloat16", "org/tiny"))
        self.assertIn("bf16", traced.json("torch_dispatch.json")["aten.mm.default"][0]["inputs"])
        self.assertEqual(traced.events[-1], {"event": "done", "success": True, "exit_code": 0})

    def test_more_tokens_than_positions(self) -> None:
        marker = self.trace("torch_dispatch", code=5, input_tokens=255, output_tokens=2).marker
        self.assertEqual((marker["success"], marker["error"]["kind"]), (False, "unsupported"))
        self.assertIn("256 positions", marker["error"]["message"])

    def test_a_compiled_model_is_not_dispatched(self) -> None:
        self.assertEqual(self.trace("torch_dispatch", code=5, compile=True).marker["error"]["kind"], "unsupported")

    def test_a_tracer_that_fails_is_a_failure(self) -> None:
        class Failing(Tracer):
            name = "failing"

            def __init__(self, error: BaseException) -> None:
                self.error = error

            def run(self, ctx: Any, output_dir: Path) -> None:
                raise self.error

        for error, code, kind in (
            (ZeroDivisionError("no"), 1, "ZeroDivisionError"),
            (SystemExit(0), 1, "SystemExit"),
            (MemoryError(), 9, "out_of_memory"),
            (torch.OutOfMemoryError("CUDA out of memory"), 9, "out_of_memory"),
            (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), 9, "out_of_memory"),
            (ModuleNotFoundError("No module named 'x'", name="x"), 4, "missing_dependency"),
        ):
            with self.subTest(kind):
                traced = self.trace(Failing(error), code=code)
                self.assertEqual((traced.marker["success"], traced.marker["error"]["kind"]), (False, kind))
                self.assertEqual(traced.events[-1]["success"], False)

    def test_all_have_both_modes(self) -> None:
        modes = {name: tracer.modes for name, tracer in load_tracers().items()}
        self.assertEqual({name for name, both in modes.items() if both == ("eval", "train")}, modes.keys() - {"vllm_profiler"})
