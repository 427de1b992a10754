"""Traces one model with one tracer in this process; `python -m layerline_kernels --help`.

A tracer of your own subclasses `Tracer` and is given by its file: `--tracer-path my_tracer.py`.
"""

from layerline_kernels.tracers.base import Tracer

__all__ = ["Tracer"]
