"""Models of other kinds: the class by architecture, the inputs by class, a loss where the model has none."""

from __future__ import annotations

from tests.tiny_models import LAYERS, VOCABULARY, masked_bert, plain_bert, t5, vit
from tests.tracer_runs import Traced, TracerTest


def calls(traced: Traced, operator: str) -> int:
    return sum(entry["count"] for entry in traced.json("torch_dispatch.json").get(operator, []))


class MaskedTest(TracerTest):
    make = staticmethod(masked_bert)

    def test_eval(self) -> None:
        traced = self.trace("torch_profiler")
        self.assertEqual((traced.marker["model"], traced.facts["kind"]), ("BertForMaskedLM", "masked"))
        self.assertEqual(traced.phases, ["load", "warmup", "prefill", "prefill", "export"])
        modules = {entry["module"]: entry["count"] for entry in traced.json("torch_modules.json")}
        self.assertEqual((modules["BertForMaskedLM_0"], modules["BertLayer_1"]), (1, 1))
        # Six linear layers in each of its own, two in the head.
        self.assertEqual(
            sum(e["count"] for e in traced.json("torch_profile.json")["aten::addmm"]), 6 * LAYERS + 2
        )

    def test_train(self) -> None:
        traced = self.trace("torch_dispatch", "train")
        self.assertEqual((traced.facts["loss_source"], calls(traced, "aten.nll_loss_backward.default")), ("model", 1))

    def test_graphs(self) -> None:
        self.assertEqual(len(self.trace("print_fx").json("print_fx.json")["graphs"]), 1)


class Seq2SeqTest(TracerTest):
    make = staticmethod(t5)

    def test_eval(self) -> None:
        traced = self.trace("torch_profiler", output_tokens=4)
        self.assertEqual((traced.marker["model"], traced.facts["kind"]), ("T5ForConditionalGeneration", "seq2seq"))
        modules = {entry["module"]: entry["count"] for entry in traced.json("torch_modules.json")}
        # The encoder runs once, the decoder for each token.
        self.assertEqual(sorted(count for name, count in modules.items() if name.startswith("T5Stack")), [1, 4])
        self.assertEqual(traced.facts["cache"], "past_key_values")

    def test_train(self) -> None:
        traced = self.trace("torch_dispatch", "train", output_tokens=4)
        self.assertEqual(traced.facts["loss_source"], "model")
        loss = traced.json("torch_dispatch.json")["aten.nll_loss_forward.default"]
        self.assertEqual([entry["inputs"].startswith(f"((T([4, {VOCABULARY}], f32), T([4], i64)") for entry in loss], [True])

    def test_graphs(self) -> None:
        graphs = self.trace("print_fx", output_tokens=2).json("print_fx.json")["graphs"]
        self.assertEqual({graph["phase"] for graph in graphs}, {"prefill", "decode"})


class PlainTest(TracerTest):
    make = staticmethod(plain_bert)

    def test_eval(self) -> None:
        traced = self.trace("torch_dispatch", batch=3)
        self.assertEqual((traced.marker["model"], traced.facts["kind"]), ("BertModel", "plain"))
        self.assertEqual(traced.facts["inputs"]["input_ids"], [3, 5])

    def test_train_with_a_loss_that_is_made(self) -> None:
        traced = self.trace("torch_profiler", "train")
        self.assertEqual(traced.facts["loss_source"], "mean_square")
        self.assertGreater(traced.facts["loss"], 0)


class ImageTest(TracerTest):
    make = staticmethod(vit)

    def test_eval(self) -> None:
        traced = self.trace("torch_dispatch", batch=2)
        self.assertEqual(traced.facts["inputs"], {"pixel_values": [2, 3, 32, 32]})
        self.assertEqual(calls(traced, "aten.convolution.default"), 1)

    def test_train(self) -> None:
        self.assertEqual(self.trace("torch_dispatch", "train").facts["loss_source"], "mean_square")
