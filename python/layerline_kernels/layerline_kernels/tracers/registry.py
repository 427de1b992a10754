"""The tracers there are: ours, and those in files that a user names."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from layerline_kernels.errors import Usage
from layerline_kernels.tracers.base import Tracer
from layerline_kernels.tracers.print_aten_ops import PrintAtenOps
from layerline_kernels.tracers.print_fx import PrintFx
from layerline_kernels.tracers.torch_dispatch import TorchDispatch
from layerline_kernels.tracers.torch_inductor import TorchInductor
from layerline_kernels.tracers.torch_profiler import TorchProfiler
from layerline_kernels.tracers.vllm_profiler import VllmProfiler

OURS: tuple[type[Tracer], ...] = (TorchProfiler, TorchDispatch, PrintAtenOps, PrintFx, TorchInductor, VllmProfiler)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def load_tracers(paths: Iterable[str | Path] = ()) -> dict[str, Tracer]:
    """All tracers by name, those of `paths` after ours. Throws Usage where a file holds no tracer, or a name is taken."""
    found: dict[str, Tracer] = {}
    for cls in OURS:
        found[cls.name] = cls()
    for path in paths:
        for cls in tracers_of_file(Path(path)):
            name = cls.name
            if name in found:
                raise Usage("tracer_file", f"{path}: a tracer named {name} is there already")
            found[name] = cls()
    return found


def tracers_of_file(path: Path) -> list[type[Tracer]]:
    """The subclasses of Tracer that the file itself defines."""
    if not path.is_file():
        raise Usage("tracer_file", f"{path}: no such file")
    module_name = f"layerline_user_tracer_{abs(hash(str(path.resolve())))}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise Usage("tracer_file", f"{path}: not a Python file (its name must end in .py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise Usage("tracer_file", f"{path}: cannot be loaded: {type(error).__name__}: {error}") from error
    classes = [
        cls
        for cls in vars(module).values()
        if inspect.isclass(cls) and issubclass(cls, Tracer) and cls.__module__ == module_name
    ]
    usable = [cls for cls in classes if not inspect.isabstract(cls)]
    if not usable:
        why = "its tracers have no run()" if classes else "it defines no subclass of layerline_kernels.Tracer"
        raise Usage("tracer_file", f"{path}: {why}")
    for cls in usable:
        check_class(path, cls)
    return usable


def check_class(path: Path, cls: type[Tracer]) -> None:
    name = getattr(cls, "name", None)
    if not isinstance(name, str) or NAME.fullmatch(name) is None:
        raise Usage("tracer_file", f"{path}: {cls.__name__}.name must be letters, digits, _, - and .: it names a folder")
    for field in ("frameworks", "modes", "devices", "requires"):
        value = getattr(cls, field)
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
            raise Usage("tracer_file", f"{path}: {cls.__name__}.{field} must be a list of names")
