"""The commands and their options."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from layerline_kernels import events
from layerline_kernels.errors import Usage
from layerline_kernels.request import DEVICES, DTYPES, FRAMEWORKS, MODES, Request
from layerline_kernels.tracers.listing import description, summary
from layerline_kernels.tracers.registry import load_tracers


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    given = parser().parse_args(arguments)
    try:
        code: int = given.run(given)
    except Usage as error:
        events.emit("done", success=False, exit_code=error.exit_code, error={"kind": error.kind, "message": str(error)})
        parser().error(str(error))
    return code


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m layerline_kernels", description="Traces one model with one tracer.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    add_list(commands)
    add_run(commands)
    add_fetch(commands)
    add_check(commands)
    return top


def add_list(commands: Any) -> None:
    listing = commands.add_parser("list", help="the tracers, as JSON")
    listing.add_argument("--framework", choices=FRAMEWORKS)
    add_tracer_path(listing)
    listing.set_defaults(run=list_tracers)
    describe = commands.add_parser("describe", help="one tracer and what it writes, as JSON")
    describe.add_argument("name")
    add_tracer_path(describe)
    describe.set_defaults(run=describe_tracer)


def add_tracer_path(command: argparse.ArgumentParser) -> None:
    command.add_argument("--tracer-path", action="append", default=[], type=Path, metavar="FILE", help="a tracer of yours")


def add_run(commands: Any) -> None:
    run = commands.add_parser("run", help="trace one model")
    run.add_argument("--framework", choices=FRAMEWORKS, required=True)
    run.add_argument("--model-path", type=Path, required=True, help="the model's folder")
    run.add_argument("--model", default="", help="the name to keep, e.g. the id that the folder was fetched as")
    run.add_argument("--tracer", required=True)
    run.add_argument("--mode", choices=MODES, default="eval")
    run.add_argument("--device", choices=DEVICES, default="auto")
    run.add_argument("--output-dir", type=Path, required=True)
    run.add_argument("--dtype", choices=DTYPES, default="auto")
    run.add_argument("--compile", action="store_true", help="trace the model as torch.compile makes it")
    run.add_argument("--batch", type=positive, default=1)
    run.add_argument("--input-tokens", type=positive, default=128)
    run.add_argument("--output-tokens", type=positive, default=16)
    run.add_argument("--tensor-parallel-size", type=positive, default=1)
    run.add_argument("--trust-remote-code", action="store_true", help="run the code that the model brings")
    run.add_argument("--allow-pickle", action="store_true", help="open weights that are no safetensors")
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--config-json", type=json_object, default={}, help="for the tracer and the framework")
    add_tracer_path(run)
    run.set_defaults(run=run_tracer)


def add_fetch(commands: Any) -> None:
    fetch = commands.add_parser("fetch", help="fetch a model from the hub (HF_ENDPOINT, HF_HOME, HF_TOKEN)")
    fetch.add_argument("--model", required=True, help="its id")
    fetch.add_argument("--cache-dir", type=Path, help="default: as huggingface_hub")
    fetch.add_argument("--revision", default="main")
    fetch.add_argument("--workers", type=positive, default=4, help="files at a time")
    fetch.add_argument("--timeout", type=float, default=3600, metavar="S", help="for all of it, waiting for others too")
    fetch.add_argument("--offline", action="store_true", help="only look into the cache")
    fetch.add_argument("--force-download", action="store_true")
    fetch.add_argument("--min-free-bytes", type=int, default=0, help="to be left on the disk")
    fetch.add_argument("--safetensors-only", action="store_true", help="refuse a model of pickles")
    fetch.set_defaults(run=fetch_model)


def add_check(commands: Any) -> None:
    check = commands.add_parser("check", help="whether a model folder is whole and known, as JSON")
    check.add_argument("--model-path", type=Path, required=True)
    check.add_argument("--framework", choices=FRAMEWORKS, required=True)
    check.add_argument("--trust-remote-code", action="store_true")
    check.add_argument("--allow-pickle", action="store_true")
    check.set_defaults(run=check_model)


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("must be a JSON object")
    return value


def list_tracers(given: argparse.Namespace) -> int:
    tracers = load_tracers(given.tracer_path).values()
    print(json.dumps([summary(t) for t in tracers if given.framework in (None, *t.frameworks)], indent=1))
    return 0


def describe_tracer(given: argparse.Namespace) -> int:
    tracers = load_tracers(given.tracer_path)
    if given.name not in tracers:
        raise Usage("unknown_tracer", f"no tracer is named {given.name}; there are {', '.join(tracers)}")
    print(json.dumps(description(tracers[given.name]), indent=1))
    return 0


def run_tracer(given: argparse.Namespace) -> int:
    from layerline_kernels.worker import run

    events.claim_stdout()
    tracers = load_tracers(given.tracer_path)
    if given.tracer not in tracers:
        raise Usage("unknown_tracer", f"no tracer is named {given.tracer}; there are {', '.join(tracers)}")
    if not given.model_path.is_dir():
        raise Usage("model_path", f"{given.model_path}: no such folder")
    request = Request(
        framework=given.framework,
        model_path=given.model_path.resolve(),
        output_dir=given.output_dir.resolve(),
        tracer=given.tracer,
        model_id=given.model or given.model_path.name,
        mode=given.mode,
        device=given.device,
        dtype=given.dtype,
        compile=given.compile,
        batch=given.batch,
        input_tokens=given.input_tokens,
        output_tokens=given.output_tokens,
        tensor_parallel_size=given.tensor_parallel_size,
        trust_remote_code=given.trust_remote_code,
        allow_pickle=given.allow_pickle,
        seed=given.seed,
        config=given.config_json,
    )
    return run(request, tracers[given.tracer])


def fetch_model(given: argparse.Namespace) -> int:
    from layerline_kernels.hub.command import run_fetch
    from layerline_kernels.hub.options import FetchOptions

    events.claim_stdout()
    return run_fetch(
        FetchOptions(
            model=given.model,
            cache_dir=given.cache_dir,
            revision=given.revision,
            workers=given.workers,
            timeout_s=given.timeout,
            offline=given.offline,
            force_download=given.force_download,
            min_free_bytes=given.min_free_bytes,
            safetensors_only=given.safetensors_only,
        )
    )


def check_model(given: argparse.Namespace) -> int:
    from layerline_kernels.hub.check import check_folder

    events.claim_stdout()
    result = check_folder(given.model_path, given.framework, given.trust_remote_code, given.allow_pickle)
    events.write(result)
    return 0
