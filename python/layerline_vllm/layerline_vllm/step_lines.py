"""What a scheduler did as lines of text, each as what differs from the step before.

A line when a step is scheduled and one when its tokens are out; ``n`` and ``e`` tie the two together::

    {"n": 12, "a": 100, "b": 140, "new": [[3, "cmpl-x", 57, 16]], "g": [1], "r": [[3, 41, 16]]}
    {"e": 12, "a": 5100, "b": 5180, "o": [[3, 0]]}

``a`` and ``b`` are ns since the head's ``monotonic_ns``, before and after the call. ``new`` gives a number to a request seen
for the first time: number, id, prompt tokens, tokens already computed (its prefix cache hit). A step runs what the one
before did, as many tokens of each request and on from there, but for ``g``, which it does not run, and ``r``: number, tokens,
tokens computed before. ``p`` lists requests preempted and ``f`` those finished since the last line; what is finished is gone.
With ``"k": 1``, now and then, a line stands alone: ``r`` is all it runs, and ``new`` names all that are
not finished.

Each request of a step gave out one token but for those in ``o``: number, tokens. Most lines of a busy engine are 40 bytes.
"""

from __future__ import annotations

import json
from typing import Any, Collection

KEY_EVERY_STEPS = 100
# So many of a list are faster looked for one by one.
FEW = 6
# Steps whose tokens never came: a few are under way, with pipelines.
MOST_OPEN = 64


class StepLines:
    """The lines of one scheduler, whose calls are told in their order."""

    def __init__(self) -> None:
        self._next_step = 0
        self._numbers: dict[str, int] = {}
        self._next_number = 0
        # Of each request that is numbered: its prompt's tokens and those that were computed when it was first seen.
        self._prompts: dict[str, tuple[int, int]] = {}
        self._last: dict[str, int] = {}
        self._last_drafts: Collection[str] = ()
        self._finished: list[int] = []
        self._preempted: list[int] = []
        # By identity; the object is kept so that its identity stays its own.
        self._open: dict[int, tuple[int, Any, dict[str, int]]] = {}

    def scheduled(self, output: Any, a: int, b: int) -> str | None:
        """A step was put together."""
        tokens = output.num_scheduled_tokens
        self._leave(output)
        if not tokens:
            return None
        # A copy: workers in this process may cut tokens off later.
        tokens = tokens.copy()
        step = self._next_step
        self._next_step += 1
        self._open[id(output)] = (step, output, tokens)
        if len(self._open) > MOST_OPEN:
            del self._open[next(iter(self._open))]
        key = step % KEY_EVERY_STEPS == 0
        last, self._last = self._last, tokens
        drafts, self._last_drafts = self._last_drafts, output.scheduled_spec_decode_tokens
        said: Collection[str]
        gone: list[int] = []
        if key:
            said = tokens
        else:
            said = _said(output, tokens, last, drafts)
            if tokens != last:
                numbers = self._numbers
                gone = sorted(numbers[i] for i in last.keys() - tokens.keys() if i in numbers)
        parts = [f'{{"n":{step},"a":{a},"b":{b}']
        if key:
            parts.append(',"k":1')
        if self._finished:
            parts.append(f',"f":{_compact(self._finished)}')
            self._finished = []
        if said:
            rows, new = self._rows(output, tokens, said, key)
            if new:
                parts.append(f',"new":{_compact(new)}')
            parts.append(f',"r":{_compact(rows)}')
        if self._preempted:
            parts.append(f',"p":{_compact(self._preempted)}')
            self._preempted = []
        if gone:
            parts.append(f',"g":{_compact(gone)}')
        parts.append("}\n")
        return "".join(parts)

    def ended(self, output: Any, engine_outputs: dict[int, Any], a: int, b: int) -> str | None:
        """A step's tokens are known."""
        opened = self._open.pop(id(output), None)
        if opened is None:
            return None
        step, _, tokens = opened
        counts = [len(each.new_token_ids) for of_client in engine_outputs.values() for each in of_client.outputs]
        if len(counts) == len(tokens) == counts.count(1):
            return f'{{"e":{step},"a":{a},"b":{b}}}\n'
        ids = (each.request_id for of_client in engine_outputs.values() for each in of_client.outputs)
        emitted = dict(zip(ids, counts))
        numbers = self._numbers
        odd = [[numbers[i], n] for i in tokens if (n := emitted.get(i, 0)) != 1 and i in numbers]
        return f'{{"e":{step},"a":{a},"b":{b},"o":{_compact(odd)}}}\n'

    def _leave(self, output: Any) -> None:
        """Remembers for the next line who was preempted and who is done."""
        # Older schedulers do not say whom they preempted, only who came back.
        preempted = getattr(output, "preempted_req_ids", None)
        if preempted is None:
            preempted = output.scheduled_cached_reqs.resumed_req_ids
        for request_id in preempted:
            if request_id in self._numbers:
                self._preempted.append(self._numbers[request_id])
        for request_id in output.finished_req_ids:
            number = self._numbers.pop(request_id, None)
            if number is not None:
                del self._prompts[request_id]
                self._finished.append(number)

    def _rows(self, output: Any, tokens: dict[str, int], said: Collection[str], key: bool) -> tuple[list[Any], list[Any]]:
        computed: dict[str, int] = {}
        rows: list[Any] = []
        new: list[Any] = []
        for request in output.scheduled_new_reqs:
            computed[request.req_id] = request.num_computed_tokens
            if request.req_id not in self._numbers:
                self._numbers[request.req_id] = self._next_number
                self._next_number += 1
                self._prompts[request.req_id] = (_prompt_tokens(request), request.num_computed_tokens)
                if not key:
                    new.append([self._numbers[request.req_id], request.req_id, *self._prompts[request.req_id]])
        cached = output.scheduled_cached_reqs
        if key or len(said) - len(computed) > FEW:
            computed.update(zip(cached.req_ids, cached.num_computed_tokens))
        else:
            for request_id in said:
                if request_id not in computed:
                    computed[request_id] = cached.num_computed_tokens[cached.req_ids.index(request_id)]
        for request_id in said:
            rows.append([self._numbers[request_id], tokens[request_id], computed[request_id]])
        if key:
            new = [[number, i, *self._prompts[i]] for i, number in self._numbers.items()]
        return rows, new


def _said(output: Any, tokens: dict[str, int], last: dict[str, int], last_drafts: Collection[str]) -> Collection[str]:
    """Whose row does not follow from the step before."""
    resumed = output.scheduled_cached_reqs.resumed_req_ids
    drafts = output.scheduled_spec_decode_tokens
    before = last.get
    changed = [] if tokens == last else [i for i, n in tokens.items() if before(i) != n]
    if not (resumed or output.scheduled_new_reqs or drafts or last_drafts):
        return changed
    said = dict.fromkeys(changed)
    # Drafts that were refused take computed tokens back.
    for ids in ((request.req_id for request in output.scheduled_new_reqs), resumed, drafts, last_drafts):
        said.update((i, None) for i in ids if i in tokens)
    return said


def _prompt_tokens(request: Any) -> int:
    prompt = request.prompt_token_ids if request.prompt_token_ids is not None else request.prompt_embeds
    return len(prompt)


def _compact(value: list[Any]) -> str:
    return json.dumps(value, separators=(",", ":"))
