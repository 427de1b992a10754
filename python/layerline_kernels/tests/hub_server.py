"""A hub on this machine, with one model, that can be told to misbehave; it counts what it is asked for."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubServer:
    """`with HubServer("org/model", {"config.json": b"…"}) as hub:` then `hub.url`."""

    def __init__(self, model: str, files: dict[str, bytes]) -> None:
        self.model = model
        self.files = files
        self.refuse: tuple[int, str] | None = None
        """Status and X-Error-Code of every answer."""
        self.refuse_files: tuple[int, str] | None = None
        """As `refuse`, for files only: a gated model shows its list."""
        self.cut: dict[str, int] = {}
        """Bytes of a file after which the connection is closed, once."""
        self.hold: dict[str, int] = {}
        """Bytes of a file after which nothing more comes."""
        self.pause_s = 0.0
        """Before each file."""
        self.gets: Counter[str] = Counter()
        self.ranges: list[tuple[str, str]] = []
        self.at_once = 0
        self.most_at_once = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()

    def __enter__(self) -> HubServer:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub.answer(self, True)

            def do_HEAD(self) -> None:
                hub.answer(self, False)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler, body: bool) -> None:
        path = urlsplit(handler.path).path
        if self.refuse is not None:
            return self.error(handler, *self.refuse)
        if path in (f"/api/models/{self.model}", f"/api/models/{self.model}/revision/main"):
            siblings = [
                {"rfilename": name, "size": len(data), "blobId": etag_of(data)} for name, data in self.files.items()
            ]
            return self.json(handler, {"id": self.model, "sha": COMMIT, "siblings": siblings})
        if path.startswith(f"/api/models/{self.model}/tree/"):
            entries = [
                {"type": "file", "path": name, "size": len(data), "oid": etag_of(data)}
                for name, data in self.files.items()
            ]
            return self.json(handler, entries)
        for revision in ("main", COMMIT):
            start = f"/{self.model}/resolve/{revision}/"
            if path.startswith(start) and path[len(start) :] in self.files:
                if self.refuse_files is not None:
                    return self.error(handler, *self.refuse_files)
                return self.file(handler, path[len(start) :], body)
        return self.error(handler, 404, "RepoNotFound")

    def json(self, handler: BaseHTTPRequestHandler, value: Any) -> None:
        data = json.dumps(value).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def error(self, handler: BaseHTTPRequestHandler, status: int, code: str) -> None:
        handler.send_response(status)
        handler.send_header("X-Error-Code", code)
        handler.send_header("X-Error-Message", code)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def file(self, handler: BaseHTTPRequestHandler, name: str, body: bool) -> None:
        data = self.files[name]
        start = 0
        wanted = handler.headers.get("Range")
        if wanted is not None:
            start = int(wanted.removeprefix("bytes=").split("-")[0])
        handler.send_response(206 if wanted is not None else 200)
        handler.send_header("ETag", f'"{etag_of(data)}"')
        handler.send_header("X-Repo-Commit", COMMIT)
        handler.send_header("Accept-Ranges", "bytes")
        handler.send_header("Content-Length", str(len(data) - start))
        if wanted is not None:
            handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        handler.end_headers()
        if not body:
            return
        with self.lock:
            self.gets[name] += 1
            if wanted is not None:
                self.ranges.append((name, wanted))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.send(handler, name, data[start:])
        finally:
            with self.lock:
                self.at_once -= 1

    def send(self, handler: BaseHTTPRequestHandler, name: str, data: bytes) -> None:
        time.sleep(self.pause_s)
        cut, hold = self.cut.pop(name, None), self.hold.get(name)
        handler.wfile.write(data[: hold if cut is None else cut])
        if hold is not None:
            handler.wfile.flush()
            self.closing.wait(60)
        handler.close_connection = handler.close_connection or cut is not None or hold is not None


def etag_of(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()
