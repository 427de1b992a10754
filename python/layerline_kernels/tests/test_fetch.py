"""Fetching from a hub that misbehaves. The hub is ours, the client is huggingface_hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.hub_server import HubServer
from tests.support import Ended, FolderTest, program, safetensors, start

MODEL = "org/model"
SHARD = safetensors({"a": 50_000})
BIG = safetensors({"a": 5_500_000})
CHUNK = 10 * 1024 * 1024
"""What huggingface_hub writes at a time: less than that is lost by a cut."""


def files() -> dict[str, bytes]:
    index = json.dumps({"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}).encode()
    return {
        "config.json": b'{"architectures": ["LlamaForCausalLM"]}',
        "model.safetensors.index.json": index,
        "m-1.safetensors": SHARD,
        "m-2.safetensors": safetensors({"b": 40_000}),
        "pytorch_model.bin": b"a pickle",
        "tf_model.h5": b"for another framework",
    }


def is_wanted(name: str) -> bool:
    return name not in ("pytorch_model.bin", "tf_model.h5")


class FetchTest(FolderTest):
    def env(self, hub: HubServer | None, **more: str) -> dict[str, str]:
        url = "http://127.0.0.1:9" if hub is None else hub.url
        return {"HF_ENDPOINT": url, "HF_HOME": str(self.folder), "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0", **more}

    def fetch(self, hub: HubServer | None, *more: str, **env: str) -> Ended:
        return program("fetch", "--model", MODEL, *more, env=self.env(hub, **env))

    def refused(self, ended: Ended, code: int, reason: str) -> dict[str, Any]:
        self.assertEqual((ended.last["event"], ended.last.get("reason"), ended.code), ("refused", reason, code), ended.stderr)
        return ended.last

    def test_safetensors_and_nothing_twice(self) -> None:
        with HubServer(MODEL, files()) as hub:
            ended = self.fetch(hub)
            self.assertEqual(ended.code, 0, ended.stderr)
            self.assertEqual(
                dict(hub.gets),
                {"config.json": 1, "model.safetensors.index.json": 1, "m-1.safetensors": 1, "m-2.safetensors": 1},
            )
            self.assertEqual(Path(ended.last["path"], "m-1.safetensors").read_bytes(), SHARD)
            total = sum(len(files()[name]) for name in hub.gets)
            progress = [line for line in ended.lines if line["event"] == "progress"]
            self.assertEqual((progress[-1]["bytes"], progress[-1]["total_bytes"]), (total, total))
            again = self.fetch(hub)
            self.assertEqual((again.code, again.last, sum(hub.gets.values())), (0, ended.last, 4))
            self.assertEqual(self.fetch(hub, "--force-download").code, 0)
            self.assertEqual(sum(hub.gets.values()), 8)
        # Without the hub: the local files are enough.
        self.assertEqual(self.fetch(None, "--offline").last, ended.last)
        self.assertEqual(self.fetch(None).last, ended.last)

    def test_workers_fetch_at_once(self) -> None:
        with HubServer(MODEL, files()) as hub:
            hub.pause_s = 0.5
            self.assertEqual(self.fetch(hub, "--workers", "4").code, 0)
            self.assertGreater(hub.most_at_once, 1)

    def test_two_processes_fetch_once(self) -> None:
        with HubServer(MODEL, files()) as hub:
            hub.pause_s = 0.3
            both = [start("fetch", "--model", MODEL, env=self.env(hub)) for _ in range(2)]
            ended = [Ended(process) for process in both]
            self.assertEqual([one.code for one in ended], [0, 0], ended[0].stderr + ended[1].stderr)
            self.assertEqual(ended[0].last, ended[1].last)
            self.assertEqual(set(hub.gets.values()), {1})

    def test_a_cut_download_goes_on(self) -> None:
        with HubServer(MODEL, {**files(), "m-1.safetensors": BIG}) as hub:
            hub.cut = {"m-1.safetensors": 15_000_000}
            ended = self.fetch(hub)
            self.assertEqual(ended.code, 0, ended.stderr)
            self.assertEqual(hub.ranges, [("m-1.safetensors", f"bytes={CHUNK}-")])
            self.assertEqual(Path(ended.last["path"], "m-1.safetensors").read_bytes(), BIG)

    def test_the_time_limit_ends_it_and_the_next_goes_on(self) -> None:
        with HubServer(MODEL, {**files(), "m-1.safetensors": BIG}) as hub:
            hub.hold = {"m-1.safetensors": 15_000_000}
            cut = self.fetch(hub, "--timeout", "10")
            self.refused(cut, 3, "timeout")
            small = sum(len(data) for name, data in files().items() if name != "m-1.safetensors" and is_wanted(name))
            progress = [line["bytes"] for line in cut.lines if line["event"] == "progress"]
            self.assertEqual(progress[-1], CHUNK + small)
            hub.hold, hub.ranges = {}, []
            ended = self.fetch(hub)
            self.assertEqual(ended.code, 0, ended.stderr)
            self.assertEqual(hub.ranges, [("m-1.safetensors", f"bytes={CHUNK}-")])
            self.assertEqual(Path(ended.last["path"], "m-1.safetensors").read_bytes(), BIG)

    def test_unreachable(self) -> None:
        self.refused(self.fetch(None), 3, "unreachable")

    def test_gated_is_seen_before_anything_is_fetched(self) -> None:
        with HubServer(MODEL, files()) as hub:
            hub.refuse_files = (403, "GatedRepo")
            self.refused(self.fetch(hub), 2, "gated")
            hub.refuse_files, hub.refuse = None, (401, "GatedRepo")
            self.refused(self.fetch(hub), 2, "gated")
            self.assertEqual(sum(hub.gets.values()), 0)

    def test_missing(self) -> None:
        with HubServer("org/other", files()) as hub:
            self.refused(self.fetch(hub), 2, "missing")
            hub.refuse = (401, "RepoNotFound")
            self.refused(self.fetch(hub), 2, "missing")
        with HubServer(MODEL, files()) as hub:
            self.refused(self.fetch(hub, "--revision", "none"), 2, "missing")

    def test_no_space(self) -> None:
        with HubServer(MODEL, files()) as hub:
            self.refused(self.fetch(hub, "--min-free-bytes", str(1 << 60)), 4, "no_space")
            self.assertEqual(sum(hub.gets.values()), 0)

    def test_pickles_only_where_they_are_allowed(self) -> None:
        pickles = {name: data for name, data in files().items() if "safetensors" not in name}
        with HubServer(MODEL, pickles) as hub:
            self.refused(self.fetch(hub, "--safetensors-only"), 2, "pickle_only")
            self.assertEqual(sum(hub.gets.values()), 0)
            self.assertEqual(self.fetch(hub).code, 0)
            self.assertEqual(set(hub.gets), {"config.json", "pytorch_model.bin"})

    def test_offline_with_nothing_there(self) -> None:
        with HubServer(MODEL, files()) as hub:
            self.refused(self.fetch(hub, HF_HUB_OFFLINE="1"), 2, "offline")
            self.refused(self.fetch(hub, "--offline"), 2, "offline")
            self.assertEqual(sum(hub.gets.values()), 0)
