"""Layerline inside vLLM: a log of the scheduler's steps."""
