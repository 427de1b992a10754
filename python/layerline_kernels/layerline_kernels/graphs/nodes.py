"""torch.fx graphs as JSON."""

from __future__ import annotations

from collections import Counter
from typing import Any


def graph_nodes(graph: Any) -> list[dict[str, Any]]:
    """Each node as `{name, op, target, args, kwargs, users}`; args and kwargs are texts, users are names."""
    return [
        {
            "name": node.name,
            "op": node.op,
            "target": target_text(node.target),
            "args": str(node.args),
            "kwargs": str(node.kwargs),
            "users": [user.name for user in node.users],
        }
        for node in graph.nodes
    ]


def target_text(target: Any) -> str:
    """As fx prints it: without addresses, the same in each run."""
    if isinstance(target, str) or not hasattr(target, "__name__"):
        return str(target)
    module = getattr(target, "__module__", None)
    # Operators such as aten.mm.default name themselves best.
    if type(target).__name__ in ("OpOverload", "OpOverloadPacket"):
        return str(target)
    return target.__name__ if module in (None, "builtins") else f"{module}.{target.__name__}"


def calls(graph: Any) -> dict[str, int]:
    """How often the graph calls what, the most frequent first."""
    called = (n for n in graph.nodes if n.op in ("call_function", "call_method", "call_module"))
    return dict(Counter(target_text(node.target) for node in called).most_common())


def break_reasons() -> dict[str, int]:
    """Why dynamo broke graphs in this process, counted."""
    from torch._dynamo.utils import counters

    return {str(reason): int(count) for reason, count in counters["graph_break"].items()}
