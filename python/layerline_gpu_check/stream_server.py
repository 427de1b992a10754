"""A stand-in for an LLM server: it streams words at a known pace and keeps when. It is a fake; no model runs."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Served:
    """One answer by the server's own clock, Unix s."""

    prompt: str
    start: float
    first: float
    end: float


class StreamServer:
    """Each answer: `first_s` of silence, then words `gap_s` apart, as many as max_tokens asks for."""

    def __init__(self, first_s: float, gap_s: float) -> None:
        self.served: list[Served] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = json.dumps({"object": "list", "data": [{"id": "gpu-check", "object": "model"}]}).encode()
                self.send_response(200 if self.path.endswith("/models") else 404)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                start = time.time()
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
                prompt = asked["prompt"] if "prompt" in asked else asked["messages"][-1]["content"]
                tokens = int(asked.get("max_tokens") or asked.get("max_completion_tokens") or 16)
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("connection", "close")
                self.end_headers()
                first = start
                for n in range(tokens):
                    time.sleep(first_s if n == 0 else gap_s)
                    first = time.time() if n == 0 else first
                    self.event(self.piece(f" w{n}", None, "messages" in asked))
                self.event(self.piece("", "length", "messages" in asked))
                size = len(prompt.split())
                usage = {"prompt_tokens": size, "completion_tokens": tokens, "total_tokens": size + tokens}
                self.event(json.dumps({"id": "x", "choices": [], "usage": usage}))
                self.event("[DONE]")
                outer.served.append(Served(prompt, start, first, time.time()))

            def piece(self, word: str, finish: str | None, chat: bool) -> str:
                content = {"delta": {"content": word} if word else {}} if chat else {"text": word}
                return json.dumps({"id": "x", "choices": [{"index": 0, "finish_reason": finish, **content}]})

            def event(self, data: str) -> None:
                self.wfile.write(f"data: {data}\n\n".encode())

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}"

    def times(self) -> dict[str, Served]:
        """By prompt. GPU_CHECK_FAKE=server lets it lie: all of it 3 s late."""
        late = 3.0 if os.environ.get("GPU_CHECK_FAKE") == "server" else 0.0
        return {s.prompt: Served(s.prompt, s.start + late, s.first + late, s.end + late) for s in self.served}

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
