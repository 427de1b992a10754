"""Which of transformers' classes a model folder asks for, and how that class is run."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any, Literal

from layerline_kernels.errors import Unsupported, WorkerError

Kind = Literal["causal", "masked", "seq2seq", "plain"]

# In this order: some classes stand in more than one table.
TABLES: tuple[tuple[str, Kind], ...] = (
    ("MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES", "seq2seq"),
    ("MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES", "seq2seq"),
    ("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", "causal"),
    ("MODEL_FOR_MASKED_LM_MAPPING_NAMES", "masked"),
)
AUTO_CLASSES: dict[Kind, str] = {
    "causal": "AutoModelForCausalLM",
    "masked": "AutoModelForMaskedLM",
    "seq2seq": "AutoModelForSeq2SeqLM",
    "plain": "AutoModel",
}


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a model folder."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WorkerError("invalid_model", f"{folder}: no config.json in it") from None
    except ValueError as error:
        raise WorkerError("invalid_model", f"{folder}/config.json cannot be read: {error}") from None
    if not isinstance(config, dict):
        raise WorkerError("invalid_model", f"{folder}/config.json is no JSON object")
    return config


def architecture_of(config: dict[str, Any]) -> str | None:
    """The first class that config.json names."""
    names = config.get("architectures")
    return names[0] if isinstance(names, list) and names and isinstance(names[0], str) else None


def has_own_code(config: dict[str, Any]) -> bool:
    return bool(config.get("auto_map"))


def kind_of(architecture: str) -> Kind:
    """How the class is run; `plain` is one forward pass."""
    tables = importlib.import_module("transformers.models.auto.modeling_auto")
    for table, kind in TABLES:
        names = getattr(tables, table, {}).values()
        if any(architecture == name or (isinstance(name, tuple) and architecture in name) for name in names):
            return kind
    if architecture.endswith(("ForCausalLM", "LMHeadModel")):
        return "causal"
    return "masked" if architecture.endswith("ForMaskedLM") else "plain"


def is_known(config: dict[str, Any]) -> bool:
    """Whether transformers itself has the class, or the model type's plain one."""
    import transformers

    architecture = architecture_of(config)
    if architecture is not None and hasattr(transformers, architecture):
        return True
    tables = importlib.import_module("transformers.models.auto.modeling_auto")
    return config.get("model_type") in tables.MODEL_MAPPING_NAMES


def model_class(config: dict[str, Any], trust_remote_code: bool) -> tuple[Any, Kind]:
    """The class to load with, and the kind. A model's own code is used only where it is trusted."""
    import transformers

    architecture = architecture_of(config)
    kind: Kind = "plain" if architecture is None else kind_of(architecture)
    if trust_remote_code and has_own_code(config):
        wanted = AUTO_CLASSES[kind]
        auto = config["auto_map"]
        name = wanted if wanted in auto else next((n for n in AUTO_CLASSES.values() if n in auto), wanted)
        own: Kind = next((k for k, n in AUTO_CLASSES.items() if n == name), kind)
        return getattr(transformers, name), own
    if architecture is not None and hasattr(transformers, architecture):
        return getattr(transformers, architecture), kind
    if is_known(config):
        return transformers.AutoModel, "plain"
    hint = "; it brings its own code, which runs only with --trust-remote-code" if has_own_code(config) else ""
    raise Unsupported(f"transformers {transformers.__version__} does not know {architecture or 'this model'}{hint}")
