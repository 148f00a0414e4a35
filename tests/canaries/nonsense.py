"""A service that lists one offer, lets anybody in, and answers a rent with a status that is none.

In a thread of a test, or as `python tests/canaries/nonsense.py --ready-file F [--dies-after N]`, which ends at
the request of that number.
"""

import argparse
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

OFFER = {
    "gpu_model": "X1",
    "vram_gb": 24,
    "provider_id": "p",
    "region": "R, US",
    "price_per_gpu_hour": "0.400",
    "interruption_probability": 0.02,
    "spot": True,
}
WARMING_UP = {"rental_id": "r1", "status": "warming up"}


class Service(ThreadingHTTPServer):
    """The service on a free port, which answers a rent with this status and body."""

    def __init__(self, rents: int = 201, rental: object = None, dies_after: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.rents = rents
        self.rental = WARMING_UP if rental is None else rental
        self.dies_after = dies_after
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.asked: list[str] = []
        self.is_asked_to_rent, self.may_answer_rents = threading.Event(), threading.Event()
        self.may_answer_rents.set()


class Handler(BaseHTTPRequestHandler):
    """One request, whatever it is."""

    server: Service

    def answer(self, body: object, status: int = 200) -> None:
        """One answer in JSON."""
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.asked.append(f"{self.command} {self.path}")
        if len(self.server.asked) == self.server.dies_after:
            os._exit(0)
        if self.command == "POST":
            self.server.is_asked_to_rent.set()
            self.server.may_answer_rents.wait()
        content = json.dumps(body).encode()
        with suppress(ConnectionError):  # whoever asked may have gone
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    def do_GET(self) -> None:
        """Its one offer, everywhere but under /_sim."""
        if self.path.startswith("/_sim"):
            self.answer({}, 404)
        else:
            self.answer({"object": "list", "count": 1, "data": [OFFER]})

    def do_POST(self) -> None:
        """A rental, if a model is named at all."""
        self.answer(self.server.rental, self.server.rents)

    def do_DELETE(self) -> None:
        """Gone."""
        self.answer({"rental_id": "r1", "status": "terminated"})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # named so by the base class
        """Say nothing."""


@contextmanager
def nonsense(rents: int = 201, rental: object = None) -> Iterator[Service]:
    """The service in a thread of this process, until the block ends."""
    with Service(rents, rental) as service:
        thread = threading.Thread(target=service.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield service
        finally:
            service.may_answer_rents.set()
            service.shutdown()
            thread.join()


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--dies-after", type=int, default=0)
    options = parser.parse_args()
    with Service(dies_after=options.dies_after) as service:
        options.ready_file.write_text(json.dumps({"url": service.url, "token": "si_test_alice"}))
        service.serve_forever()


if __name__ == "__main__":
    main()
