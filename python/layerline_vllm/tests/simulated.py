"""A scheduler that behaves towards the step log as vLLM's does, and knows what it did."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any


@dataclass
class NewRequest:
    req_id: str
    prompt_token_ids: list[int] | None
    num_computed_tokens: int = 0
    prompt_embeds: Any = None


@dataclass
class CachedRequests:
    req_ids: list[str] = field(default_factory=list)
    num_computed_tokens: list[int] = field(default_factory=list)
    resumed_req_ids: set[str] = field(default_factory=set)


@dataclass
class Output:
    num_scheduled_tokens: dict[str, int]
    scheduled_new_reqs: list[NewRequest] = field(default_factory=list)
    scheduled_cached_reqs: CachedRequests = field(default_factory=CachedRequests)
    scheduled_spec_decode_tokens: dict[str, list[int]] = field(default_factory=dict)
    finished_req_ids: set[str] = field(default_factory=set)
    preempted_req_ids: set[str] | None = field(default_factory=set)


@dataclass
class CoreOutput:
    request_id: str
    new_token_ids: list[int]


@dataclass
class CoreOutputs:
    outputs: list[CoreOutput]


@dataclass
class Request:
    prompt: int
    wanted: int
    cached: int
    computed: int
    made: int = 0
    seen: bool = False


def scheduler_class() -> type:
    """One that hands out what it is given."""

    class Scheduler:
        next: Any = None

        def schedule(self, throttle_prefills: bool = False) -> Any:
            return self.next

        def update_from_output(self, scheduler_output: Any, emitted: dict[str, int]) -> dict[int, CoreOutputs]:
            return {0: CoreOutputs([CoreOutput(i, [1] * n) for i, n in emitted.items()])}

    return Scheduler


class Simulation:
    """Steps drawn by a seed: requests come, go, are cut into pieces, lose their place, and draft tokens."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._requests: dict[str, Request] = {}
        self._names = 0
        self._finished: set[str] = set()
        self._preempted_before: set[str] = set()
        self.truth: list[dict[str, Any]] = []

    def step(self) -> tuple[Output, dict[str, int]]:
        """A step and the tokens that it gave out."""
        draw = self._draw
        while len(self._requests) < 12 and draw.random() < 0.4:
            self._names += 1
            cached = draw.choice([0, 0, 16])
            request = Request(draw.randint(cached + 1, 60), draw.randint(1, 30), cached, cached)
            self._requests[f"cmpl-{self._names}"] = request
        preempted = {i for i, each in self._requests.items() if each.seen and each.computed > 0 and draw.random() < 0.01}
        for each in preempted:
            self._requests[each].computed = 0
        output = Output({}, finished_req_ids=self._finished, preempted_req_ids=preempted)
        emitted: dict[str, int] = {}
        rows: dict[str, tuple[int, int]] = {}
        self._finished = set()
        for name, each in list(self._requests.items()):
            if name in preempted or draw.random() < 0.03:
                continue
            self._run(output, name, each, emitted, rows)
        if rows:
            self.truth.append({"rows": rows, "emitted": {i: emitted.get(i, 0) for i in rows}, "preempted": set()})
        self._preempted_before |= preempted
        if rows and self._preempted_before:
            self.truth[-1]["preempted"] = self._preempted_before
            self._preempted_before = set()
        return output, emitted

    def _run(self, output: Output, name: str, each: Request, emitted: dict[str, int], rows: dict[str, Any]) -> None:
        left = each.prompt + each.made - each.computed
        drafts = self._draw.choice([0, 0, 0, 2]) if left == 1 and each.made > 0 else 0
        tokens = min(left, 20) + drafts
        output.num_scheduled_tokens[name] = tokens
        if drafts:
            output.scheduled_spec_decode_tokens[name] = [1] * drafts
        if each.seen:
            output.scheduled_cached_reqs.req_ids.append(name)
            output.scheduled_cached_reqs.num_computed_tokens.append(each.computed)
            if each.computed == 0:
                output.scheduled_cached_reqs.resumed_req_ids.add(name)
        else:
            output.scheduled_new_reqs.append(NewRequest(name, [0] * each.prompt, each.computed))
            each.seen = True
        rows[name] = (tokens, each.computed)
        if tokens < left:
            each.computed += tokens
            return
        taken = self._draw.randint(0, drafts)
        each.computed += tokens - (drafts - taken)
        emitted[name] = 1 + taken
        each.made += 1 + taken
        if each.made >= each.wanted:
            del self._requests[name]
            self._finished.add(name)


def read_back(lines: list[dict[str, Any]], begin: int = 0) -> list[dict[str, Any]]:
    """What the lines say of each step, read from the first that stands alone at or after `begin`."""
    names: dict[int, str] = {}
    rows: dict[int, tuple[int, int]] | None = None
    steps: dict[int, dict[str, Any]] = {}
    for line in lines[begin:]:
        if "e" in line and line["e"] in steps:
            step = steps[line["e"]]
            step["emitted"] = dict.fromkeys(step["rows"], 1) | {step["names"][i]: n for i, n in line.get("o", [])}
        if "n" not in line or (rows is None and "k" not in line):
            continue
        preempted = {names[i] for i in line.get("p", []) if i in names}
        if "k" in line:
            rows = {}
        assert rows is not None
        for number in line.get("f", []):
            rows.pop(number, None)
            names.pop(number, None)
        for number in line.get("g", []):
            del rows[number]
        names.update({number: name for number, name, _, _ in line.get("new", [])})
        rows = {number: (tokens, computed + tokens) for number, (tokens, computed) in rows.items()}
        rows.update({number: (tokens, computed) for number, tokens, computed in line.get("r", [])})
        steps[line["n"]] = {"rows": {names[i]: row for i, row in rows.items()}, "names": dict(names), "preempted": preempted}
    return [{k: v for k, v in step.items() if k != "names"} for step in steps.values()]
