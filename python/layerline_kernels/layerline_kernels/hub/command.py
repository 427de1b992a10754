"""`fetch` as a program: progress and the end as lines of JSON, the time limit kept whatever the network does."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from pathlib import Path

from layerline_kernels.errors import EXCEPTION
from layerline_kernels.events import emit
from layerline_kernels.hub.fetch import Fetch
from layerline_kernels.hub.options import EXIT_CODES, FetchOptions, Refused

PROGRESS_S = 0.5


def run_fetch(options: FetchOptions) -> int:
    """Returns the exit code, or ends the process at the time limit: a thread that waits for the network cannot be ended."""
    fetch = Fetch(options)
    ends: list[Path | BaseException] = []

    def work() -> None:
        try:
            ends.append(fetch.run())
        except BaseException as error:
            ends.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    last = -1
    while thread.is_alive():
        thread.join(fetch.left(PROGRESS_S))
        last = report(fetch, last)
        if fetch.timed_out and thread.is_alive():
            text = f"{options.model} was not there after {options.timeout_s:g} s; a next try goes on from here"
            refuse(Refused("timeout", text))
            sys.stderr.flush()
            os._exit(EXIT_CODES["timeout"])
    return finish(ends[0])


def report(fetch: Fetch, last: int) -> int:
    if fetch.total_bytes == 0:
        return last
    done = fetch.there_bytes()
    if done != last:
        emit("progress", bytes=done, total_bytes=fetch.total_bytes)
    return done


def finish(end: Path | BaseException) -> int:
    if isinstance(end, Path):
        emit("done", path=str(end))
        return 0
    if isinstance(end, Refused):
        return refuse(end)
    traceback.print_exception(end)
    emit("refused", reason="error", message=f"{type(end).__name__}: {end}")
    return EXCEPTION


def refuse(refused: Refused) -> int:
    emit("refused", reason=refused.reason, message=str(refused))
    return EXIT_CODES[refused.reason]
