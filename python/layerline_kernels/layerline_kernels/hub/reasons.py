"""Why the hub gave nothing."""

from __future__ import annotations

import errno

from layerline_kernels.hub.options import Refused

NETWORK = frozenset(
    ("ConnectError", "ConnectionError", "TimeoutException", "Timeout", "NetworkError", "ProtocolError", "TransportError")
)
"""Names of the HTTP client's base classes; which client that is changes with the library's version."""


def is_network_error(error: BaseException) -> bool:
    """Whether trying again can help."""
    return any(cls.__name__ in NETWORK for cls in type(error).__mro__) or status_of(error) in (429, 500, 502, 503, 504)


def status_of(error: BaseException) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)


def refusal(model: str, error: BaseException) -> Refused | None:
    """The refusal that an error of the hub or the network stands for; None for others."""
    from huggingface_hub import errors

    text = str(error).strip().split("\n")[0] or type(error).__name__
    if isinstance(error, errors.GatedRepoError) or status_of(error) == 403:
        return Refused("gated", f"{model} is gated: its licence must be accepted, and HF_TOKEN set ({text})")
    if isinstance(error, errors.RevisionNotFoundError):
        return Refused("missing", f"{model} has no such revision ({text})")
    if isinstance(error, (errors.RepositoryNotFoundError, errors.HFValidationError)) or status_of(error) in (401, 404):
        return Refused("missing", f"the hub has no {model}, or it is private and HF_TOKEN does not open it ({text})")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return Refused("no_space", f"the disk is full ({text})")
    if is_network_error(error):
        return Refused("unreachable", f"the hub cannot be reached ({type(error).__name__}: {text})")
    if isinstance(error, OSError) and "Consistency check failed" in str(error):
        return Refused("incomplete", text)
    return None
