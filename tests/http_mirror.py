"""A mirror on this machine, which answers each path as a test specifies."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from transfer_gain.data.sources.fetch import Mirror


@dataclass
class Server:
    """A running server; `answers` maps a path to a body, a status or a function."""

    url: str
    answers: dict[str, bytes | int | Callable[[BaseHTTPRequestHandler], None]] = field(
        default_factory=dict
    )
    asked: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def mirror(self, original: Mirror) -> Mirror:
        """Return a registered mirror's own code path, with this server as its address."""
        downloads = tuple(
            replace(download, address=f"{self.url}/{download.file}", checksum=None)
            for download in original.downloads
        )
        return replace(original, downloads=downloads)

    def hang(self, handler: BaseHTTPRequestHandler) -> None:
        """Accept the request and never answer."""
        self.asked.set()
        self.over.wait(30)

    def stall(self, handler: BaseHTTPRequestHandler) -> None:
        """Send half of the file, then nothing more."""
        start(handler, 2_000)
        handler.wfile.write(bytes(1_000))
        handler.wfile.flush()
        self.hang(handler)

    def die(self, handler: BaseHTTPRequestHandler) -> None:
        """Announce more than is sent and close the connection."""
        start(handler, 2_000)
        handler.wfile.write(bytes(1_000))

    def trickle(self, handler: BaseHTTPRequestHandler) -> None:
        """Keep sending, but very slowly."""
        start(handler, 1_000_000)
        while not self.over.wait(0.02):
            handler.wfile.write(bytes(100))


def start(handler: BaseHTTPRequestHandler, length: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(length))
    handler.end_headers()


@contextmanager
def serve() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = server.answers.get(self.path, 404)
            if isinstance(answer, int):
                self.send_error(answer)
            elif isinstance(answer, bytes):
                start(self, len(answer))
                self.wfile.write(answer)
            else:
                answer(self)

        def log_message(self, *args: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(ConnectionError):  # the client gave up, as it should
                super().handle()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server = Server(f"http://127.0.0.1:{http.server_port}")
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.over.set()
        http.shutdown()
