"""What Inductor makes of a model: its IR, its code, its kernels."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from layerline_kernels.errors import MissingDependency
from layerline_kernels.files import write_json, write_text
from layerline_kernels.request import Request
from layerline_kernels.tracers.base import Tracer

DUMPS = "inductor"
CODE = "inductor_code"
TRITON = "triton"


class TorchInductor(Tracer):
    """Compiles the model into folders of its own, without the caches of before, and keeps all that Inductor writes.

    Kernels are those that Triton made for a GPU. For the CPU Inductor writes C++, which is among the files.
    """

    name = "torch_inductor"
    description = "Inductor's IR and code, all dumps kept; Triton's kernels with PTX, cubin and launch configuration"
    exclusive_group = "dynamo"
    files = {
        "torch_inductor.txt": "the files that Inductor and Triton wrote, relative to this folder",
        "torch_inductor_kernels.json": "Triton's kernels: name, PTX and cubin files, launch configuration",
        f"{DUMPS}/": "a folder for each graph: FX graph, IR before and after fusion, output code",
        f"{CODE}/": "the code that Inductor generated",
        f"{TRITON}/": "what Triton compiled",
    }

    def prepare(self, request: Request) -> None:
        for folder, variable in ((CODE, "TORCHINDUCTOR_CACHE_DIR"), (TRITON, "TRITON_CACHE_DIR"), (DUMPS, None)):
            path = request.output_dir / folder
            shutil.rmtree(path, ignore_errors=True)
            if variable is not None:
                os.environ[variable] = str(path)

    def run(self, ctx: Any, output_dir: Path) -> dict[str, Any]:
        import torch
        import torch._dynamo.config
        import torch._functorch.config
        import torch._inductor.config

        from layerline_kernels.graphs.inductor_files import dumped_files, triton_kernels

        if ctx.device == "cpu":
            require_compiler()
        torch._dynamo.config.debug_dir_root = str(output_dir / DUMPS)
        torch._inductor.config.trace.enabled = True
        # A graph found in a cache is not dumped.
        torch._inductor.config.fx_graph_cache = False
        torch._functorch.config.enable_autograd_cache = False
        ctx.run(torch.compile(ctx.model, backend="inductor"))
        files = dumped_files(output_dir, (DUMPS, CODE, TRITON))
        kernels = triton_kernels(output_dir, (TRITON, CODE))
        write_text(output_dir / "torch_inductor.txt", "".join(f"{file}\n" for file in files))
        write_json(output_dir / "torch_inductor_kernels.json", kernels)
        return {"files": len(files), "kernels": len(kernels)}


def require_compiler() -> None:
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise MissingDependency(compiler, f"Inductor needs a C++ compiler for the CPU, and there is no {compiler}")
