"""Which events of a thread lie in which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from layerline_kernels.profiles.kineto import Event


def with_parents(events: Iterable[Event]) -> Iterator[tuple[Event, list[Event]]]:
    """Each event with those around it on its thread, outermost first. The list is reused: copy what you keep."""
    threads: dict[tuple[object, object], list[Event]] = defaultdict(list)
    for event in events:
        threads[event.thread].append(event)
    for thread in threads.values():
        thread.sort(key=lambda event: (event.start_us, -event.duration_us))
        around: list[Event] = []
        for event in thread:
            while around and around[-1].end_us <= event.start_us:
                around.pop()
            yield event, around
            around.append(event)
