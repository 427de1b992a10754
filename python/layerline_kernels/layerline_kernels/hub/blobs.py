"""Fetches files into the blobs of huggingface_hub's cache, each going on where an earlier process was cut off.

The library itself begins anew in each process, because it cannot rely on its lock. Here the model's lock is held.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from layerline_kernels.hub.files import file_size
from layerline_kernels.hub.options import Refused

PART = ".layerline-part"
SHA256 = re.compile(r"[0-9a-f]{64}")
HTTP_LIMIT_BYTES = 50_000_000_000
"""The hub gives bigger files by its own protocol only: they are left to the library."""


def bytes_there(blobs: Path, name: str | None) -> int:
    """Bytes of a blob, or of the part of it that has come."""
    if name is None:
        return 0
    return file_size(blobs / name) or file_size(blobs / (name + PART)) or 0


def fetch_blobs(
    model: str, revision: str, names: Iterable[str], blobs: Path, workers: int, force: bool, timeout_s: Callable[[], float]
) -> None:
    """All files, so many at a time. The first error is raised when those under way have ended."""
    blobs.mkdir(parents=True, exist_ok=True)

    def fetch(name: str) -> None:
        fetch_blob(model, revision, name, blobs, force, timeout_s())

    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(fetch, name) for name in names]:
            done.result()


def fetch_blob(model: str, revision: str, name: str, blobs: Path, force: bool, timeout_s: float) -> None:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    url = hf_hub_url(model, name, revision=revision)
    about = get_hf_file_metadata(url, timeout=timeout_s)
    if about.etag is None or about.size is None or about.size > HTTP_LIMIT_BYTES:
        return
    blob = blobs / about.etag
    if blob.exists() and not force:
        return
    part = blobs / (about.etag + PART)
    there = file_size(part) or 0
    if there > about.size:
        part.unlink()
        there = 0
    headers = build_hf_headers()
    if urlsplit(about.location).netloc != urlsplit(url).netloc:
        headers.pop("authorization", None)
    # Unbuffered: what has come is kept when the process is ended.
    with open(part, "ab", buffering=0) as file:
        http_get(about.location, file, resume_size=there, headers=headers, expected_size=about.size)
    if there > 0 and SHA256.fullmatch(about.etag) and sha256(part) != about.etag:
        part.unlink()
        raise Refused("incomplete", f"{name}: what was there of it was not what the hub has; a next try begins anew")
    os.replace(part, blob)


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
