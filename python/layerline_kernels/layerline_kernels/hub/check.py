"""Whether a model folder is whole and known, before an engine gets it: vLLM hangs on what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layerline_kernels.errors import WorkerError
from layerline_kernels.huggingface.architecture import architecture_of, has_own_code, read_config
from layerline_kernels.hub.weights import has_pickles, has_safetensors, inspect_safetensors


def check_folder(folder: Path, framework: str, trust_remote_code: bool, allow_pickle: bool) -> dict[str, Any]:
    """`{ok, problems, architecture, known, weights_bytes}`. Imports the framework to ask what it knows."""
    try:
        config = read_config(folder)
    except WorkerError as error:
        return {"ok": False, "problems": [str(error)], "architecture": None, "known": False, "weights_bytes": 0}
    problems, weights_bytes = file_problems(folder, allow_pickle)
    known = is_known(config, framework) or (trust_remote_code and has_own_code(config))
    architecture = architecture_of(config)
    if not known:
        problems.append(f"{framework} does not know {architecture or 'a model without architectures in config.json'}")
    return {
        "ok": not problems,
        "problems": problems,
        "architecture": architecture,
        "known": known,
        "weights_bytes": weights_bytes,
    }


def file_problems(folder: Path, allow_pickle: bool) -> tuple[list[str], int]:
    """What is wrong with the weights, and the bytes of their tensors."""
    if has_safetensors(folder):
        weights = inspect_safetensors(folder)
        return weights.problems, weights.bytes
    if not has_pickles(folder):
        return ["it has no weights"], 0
    if not allow_pickle:
        return ["its weights are pickles, which can run code: only --allow-pickle opens them"], 0
    return [], sum(file.stat().st_size for file in folder.glob("*.bin"))


def is_known(config: dict[str, Any], framework: str) -> bool:
    if framework == "huggingface":
        from layerline_kernels.huggingface import architecture

        return architecture.is_known(config)
    from layerline_kernels.vllm.architecture import is_known

    return is_known(config)


def require_whole(folder: Path, allow_pickle: bool) -> None:
    """Throws what `file_problems` finds."""
    problems, _ = file_problems(folder, allow_pickle)
    if problems:
        raise WorkerError("incomplete_model", f"{folder}: {'; '.join(problems)}")
