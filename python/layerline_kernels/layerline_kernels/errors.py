"""What a run can end with, and the exit code that says so."""

from __future__ import annotations

import errno

EXCEPTION = 1
WRONG_USAGE = 2
MISSING = 4
UNSUPPORTED = 5
OUT_OF_MEMORY = 9


class WorkerError(Exception):
    """An end that is foreseen: `kind` is for programs, the text for people."""

    exit_code = EXCEPTION

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Usage(WorkerError):
    """The command line cannot be meant so."""

    exit_code = WRONG_USAGE


class MissingDependency(WorkerError):
    """A Python module, a compiler or a device that this machine lacks."""

    exit_code = MISSING

    def __init__(self, name: str, message: str) -> None:
        super().__init__("missing_dependency", message)
        self.name = name


class Unsupported(WorkerError):
    """This model cannot be traced in this way."""

    exit_code = UNSUPPORTED

    def __init__(self, message: str) -> None:
        super().__init__("unsupported", message)


MEMORY_TEXTS = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "no available memory for the cache blocks",
    "is less than desired gpu memory utilization",
)


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether the error, or one that it came from, is a lack of memory: the host's or the device's."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            return True
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            return True
        # vLLM reports a cache that does not fit as a ValueError, torch's CPU allocator as a RuntimeError.
        if isinstance(error, (RuntimeError, ValueError)) and any(t in str(error).lower() for t in MEMORY_TEXTS):
            return True
        error = error.__cause__ or error.__context__
    return False


def classify(error: BaseException) -> tuple[int, dict[str, str]]:
    """Exit code and the marker's `error` of what a run ended with."""
    message = str(error) or type(error).__name__
    if is_out_of_memory(error):
        return OUT_OF_MEMORY, {"kind": "out_of_memory", "message": message}
    if isinstance(error, MissingDependency):
        return MISSING, {"kind": error.kind, "message": message, "module": error.name}
    if isinstance(error, WorkerError):
        return error.exit_code, {"kind": error.kind, "message": message}
    if isinstance(error, ModuleNotFoundError):
        return MISSING, {"kind": "missing_dependency", "message": message, "module": error.name or ""}
    if isinstance(error, ImportError):
        return MISSING, {"kind": "missing_dependency", "message": message}
    if isinstance(error, KeyboardInterrupt):
        return 130, {"kind": "interrupted", "message": "interrupted"}
    return EXCEPTION, {"kind": type(error).__name__, "message": message}
