"""What a tracer watches: one prefill with its decode steps, one forward pass, or one step of training.

Each part is marked in a profiler's trace: `prefill`, `decode`, `forward`, `backward`, `optimizer`. Prefill and each
decode step also carry the name that vLLM gives its steps, so that both read alike.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from layerline_kernels.events import phase
from layerline_kernels.huggingface.architecture import Kind
from layerline_kernels.huggingface.inputs import make_inputs, random_tokens, text_config
from layerline_kernels.huggingface.loss import scalar_loss
from layerline_kernels.request import Request

LEARNING_RATE = 1e-4
CACHES = ("past_key_values", "cache_params")


class Workload:
    """`run(call)` runs the model once by `call`, which is the model or what a compiler made of it."""

    def __init__(self, model: Any, kind: Kind, request: Request, device: str) -> None:
        self.model = model
        self.kind = kind
        self.request = request
        self.inputs = make_inputs(model, kind, request, device)
        self.facts: dict[str, Any] = {
            "batch": request.batch,
            "inputs": {name: list(value.shape) for name, value in self.inputs.items()},
        }
        self.phase = ""
        """The part that runs now."""
        if request.mode == "train":
            self._prepare_training(device)

    def run(self, call: Callable[..., Any] | None = None) -> None:
        # Not by truth: a compiled module would be asked for its length.
        call = self.model if call is None else call
        self.phase = ""
        if self.request.mode == "train":
            self._train(call)
            return
        import torch

        # Not inference_mode: dynamo would trace other graphs than a server runs.
        with torch.no_grad():
            if self.kind in ("causal", "seq2seq"):
                self._generate(call)
            else:
                with self._part("forward", self._step_name(prefill=True)):
                    call(**self.inputs)

    @contextmanager
    def _part(self, name: str, step: str | None = None) -> Iterator[None]:
        from torch.profiler import record_function

        if self.phase != name:
            self.phase = name
            if self.request.mode == "eval":
                phase("prefill" if name == "forward" else name)
        with record_function(name):
            if step is None:
                yield
            else:
                with record_function(step):
                    yield

    def _step_name(self, prefill: bool) -> str:
        batch = self.request.batch
        tokens = batch * (self.inputs["input_ids"].shape[1] if "input_ids" in self.inputs else 1)
        if prefill:
            return f"execute_context_{batch}({tokens})_generation_0(0)"
        return f"execute_context_0(0)_generation_{batch}({batch})"

    def _generate(self, call: Callable[..., Any]) -> None:
        import torch

        with self._part("prefill", self._step_name(prefill=True)):
            out = call(**self.inputs, use_cache=True)
            tokens = out.logits[:, -1:].argmax(-1)
        cache = next((name for name in CACHES if getattr(out, name, None) is not None), None)
        self.facts["cache"] = cache
        self.facts["output_tokens"] = self.request.output_tokens
        ids_name = "decoder_input_ids" if self.kind == "seq2seq" else "input_ids"
        given = {name: value for name, value in self.inputs.items() if name != ids_name}
        if self.kind == "seq2seq":
            given = {name: value for name, value in given.items() if name == "attention_mask"}
            given["encoder_outputs"] = encoder_outputs(out)
        seen = self.inputs[ids_name]
        # The prefill gives the first of the tokens.
        for _ in range(self.request.output_tokens - 1):
            if self.kind == "causal":
                mask = given["attention_mask"]
                given["attention_mask"] = torch.cat([mask, mask.new_ones(mask.shape[0], 1)], dim=-1)
            if cache is None:
                seen = torch.cat([seen, tokens], dim=-1)
                step = {ids_name: seen, **given}
            else:
                step = {ids_name: tokens, cache: getattr(out, cache), **given}
            with self._part("decode", self._step_name(prefill=False)):
                out = call(**step, use_cache=True)
                tokens = out.logits[:, -1:].argmax(-1)

    def _prepare_training(self, device: str) -> None:
        import torch

        trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE)
        self.facts["optimizer"] = f"AdamW, lr {LEARNING_RATE}"
        takes_labels = "labels" in inspect.signature(self.model.forward).parameters
        if not takes_labels or self.kind == "plain":
            return
        if self.kind == "seq2seq":
            config = text_config(self.model)
            self.inputs["labels"] = random_tokens(config, self.request.batch, self.request.output_tokens, device)
            # The model shifts the labels to make these.
            del self.inputs["decoder_input_ids"]
        else:
            self.inputs["labels"] = self.inputs["input_ids"]

    def _train(self, call: Callable[..., Any]) -> None:
        phase("train")
        self.optimizer.zero_grad(set_to_none=True)
        with self._part("forward"):
            loss, source = scalar_loss(call(**self.inputs))
        with self._part("backward"):
            loss.backward()
        with self._part("optimizer"):
            self.optimizer.step()
        self.facts["loss"] = float(loss.detach())
        self.facts["loss_source"] = source


def encoder_outputs(out: Any) -> Any:
    from transformers.modeling_outputs import BaseModelOutput

    return BaseModelOutput(last_hidden_state=out.encoder_last_hidden_state)
