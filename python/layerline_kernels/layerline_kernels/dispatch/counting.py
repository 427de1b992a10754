"""A dispatch mode that counts operators by their inputs. Imports torch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from layerline_kernels.dispatch.input_text import input_text


class CountingMode(TorchDispatchMode):
    """Counts what is dispatched while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        # Before the call: it may change its inputs in place.
        self._counts[str(func)][input_text(args, kwargs)] += 1
        return func(*args, **kwargs)

    def operators(self) -> dict[str, list[dict[str, Any]]]:
        """By operator its inputs, the most frequent first."""
        return {
            name: [{"count": count, "inputs": inputs} for inputs, count in counts.most_common()]
            for name, counts in sorted(self._counts.items())
        }
