"""Fetches a model into huggingface_hub's cache: once for all processes, resumed where it was cut, within its time."""

from __future__ import annotations

import glob
import os
import shutil
import time
from pathlib import Path
from typing import Any

from layerline_kernels.hub.blobs import bytes_there, fetch_blobs
from layerline_kernels.hub.files import short_files, wanted_files
from layerline_kernels.hub.options import FetchOptions, Refused
from layerline_kernels.hub.reasons import is_network_error, refusal

SOCKET_TIMEOUT_S = 30.0
ATTEMPTS = 5


class Fetch:
    """`run()` in a thread of its own; `total_bytes` and `there_bytes()` are for whoever watches it."""

    def __init__(self, options: FetchOptions) -> None:
        # Read when huggingface_hub is imported.
        socket_s = str(max(1, int(min(SOCKET_TIMEOUT_S, options.timeout_s))))
        os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", socket_s)
        os.environ.setdefault("HF_HUB_ETAG_TIMEOUT", socket_s)
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
        if options.offline:
            os.environ["HF_HUB_OFFLINE"] = "1"
        from huggingface_hub import constants
        from huggingface_hub.file_download import repo_folder_name

        self.options = options
        self.offline = options.offline or bool(constants.HF_HUB_OFFLINE)
        self.cache_dir = options.cache_dir or Path(constants.HF_HUB_CACHE)
        self.repository: Path = self.cache_dir / repo_folder_name(repo_id=options.model, repo_type="model")
        self.wanted: dict[str, int] = {}
        self._blob_names: dict[str, str] = {}
        self.deadline = time.monotonic() + options.timeout_s

    @property
    def blobs(self) -> Path:
        return self.repository / "blobs"

    @property
    def total_bytes(self) -> int:
        """0 until the hub has said."""
        return sum(self.wanted.values())

    def there_bytes(self) -> int:
        """What of it is in the cache, of files that are under way too."""
        return sum(bytes_there(self.blobs, self._blob_names.get(name)) for name in self.wanted)

    def run(self) -> Path:
        """The model's folder. Throws Refused, and what is no one's fault but ours."""
        if self.offline:
            return self._cached()
        with self._lock():
            try:
                sizes = self._sizes()
            except Exception as error:
                refused = refusal(self.options.model, error)
                if refused is not None and refused.reason == "unreachable" and self._is_whole():
                    return self._cached()
                if refused is None:
                    raise
                raise refused from error
            wanted = wanted_files(sizes, self.options.safetensors_only)
            self.wanted = wanted
            self._require_space()
            snapshot = self._download(wanted)
        short = short_files(snapshot, wanted)
        if short:
            raise Refused("incomplete", f"{', '.join(short)}: not there with the size that the hub names")
        return snapshot

    def _sizes(self) -> dict[str, int]:
        """Bytes by file. A gated model shows its list to everybody, its files not: one is asked for here, before hours go
        by."""
        from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url

        options = self.options
        api = HfApi()
        info = api.model_info(options.model, revision=options.revision, files_metadata=True, timeout=self.left(SOCKET_TIMEOUT_S))
        files = info.siblings or []
        sizes = {entry.rfilename: entry.size or 0 for entry in files}
        blobs = {entry.rfilename: entry.lfs.sha256 if entry.lfs else entry.blob_id for entry in files}
        self._blob_names = {name: blob for name, blob in blobs.items() if blob}
        if "config.json" in sizes:
            url = hf_hub_url(options.model, "config.json", revision=options.revision, endpoint=api.endpoint)
            get_hf_file_metadata(url, timeout=self.left(SOCKET_TIMEOUT_S))
        return sizes

    def _require_space(self) -> None:
        self.cache_dir.mkdir(parents=True, exist_ok=True)
        there = 0 if self.options.force_download else self.there_bytes()
        needed = self.total_bytes - there + self.options.min_free_bytes
        free = shutil.disk_usage(self.cache_dir).free
        if needed > free:
            raise Refused("no_space", f"it needs {needed} bytes in {self.cache_dir}, where {free} are free")

    def _download(self, wanted: dict[str, int]) -> Path:
        from huggingface_hub import snapshot_download

        options = self.options
        for attempt in range(1, ATTEMPTS + 1):
            try:
                fetch_blobs(
                    options.model,
                    options.revision,
                    wanted,
                    self.blobs,
                    options.workers,
                    options.force_download,
                    lambda: self.left(SOCKET_TIMEOUT_S),
                )
                # The library puts the blobs in their places, and fetches what was left to it.
                return Path(
                    snapshot_download(
                        options.model,
                        revision=options.revision,
                        cache_dir=self.cache_dir,
                        allow_patterns=[glob.escape(name) for name in wanted],
                        max_workers=options.workers,
                        etag_timeout=self.left(SOCKET_TIMEOUT_S),
                    )
                )
            except Exception as error:
                # What was fetched stays: the next attempt resumes from there.
                if attempt < ATTEMPTS and is_network_error(error):
                    time.sleep(min(attempt, self.left(attempt)))
                    continue
                refused = refusal(options.model, error)
                if refused is None:
                    raise
                raise refused from error
        raise AssertionError("unreachable")

    def _cached(self) -> Path:
        """The snapshot in the cache, without the network."""
        from huggingface_hub import snapshot_download

        from layerline_kernels.hub.check import file_problems

        options = self.options
        try:
            # One file is asked for: which others are wanted only the hub's list says.
            found = snapshot_download(
                options.model,
                revision=options.revision,
                cache_dir=self.cache_dir,
                allow_patterns=["config.json"],
                local_files_only=True,
            )
        except Exception as error:
            raise Refused("offline", f"{options.model} is not in {self.cache_dir}, and nothing may be fetched") from error
        problems, _ = file_problems(Path(found), allow_pickle=not options.safetensors_only)
        if problems:
            raise Refused("incomplete", f"{found}: {'; '.join(problems)}")
        return Path(found)

    def _is_whole(self) -> bool:
        try:
            self._cached()
        except Refused:
            return False
        return True

    def _lock(self) -> Any:
        """Of this model, for all processes; the system frees it when its holder ends."""
        from filelock import FileLock

        folder = self.cache_dir / ".locks" / "layerline"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{self.repository.name}.lock", timeout=-1)

    @property
    def timed_out(self) -> bool:
        return time.monotonic() >= self.deadline

    def left(self, most_s: float) -> float:
        """Seconds to go, at most so many; never none, which would mean no limit."""
        return max(0.1, min(most_s, self.deadline - time.monotonic()))
