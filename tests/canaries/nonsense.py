"""A service that lists one offer, lets anybody in, and answers a rent with a status that is none.

`python tests/canaries/nonsense.py --port 0 --ready-file F [--dies-after N] [--rents STATUS] [--rental JSON]
[--rents-after SECONDS]`; `GET /asked` tells what it was asked. A rent is answered with that status and body, so late.
"""

import argparse
import json
import os
import time
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
asked: list[str] = []


class Service(BaseHTTPRequestHandler):
    """Whatever it is asked."""

    dies_after = 0
    rents = 201
    rental: object = None
    rents_after = 0.0

    def answer(self, body: object, status: int = 200, *, after: float = 0) -> None:
        """One answer in JSON, so many seconds after it is known what was asked."""
        self.rfile.read(int(self.headers.get("content-length") or 0))
        asked.append(f"{self.command} {self.path}")
        if len(asked) == self.dies_after:
            os._exit(0)
        time.sleep(after)
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_GET(self) -> None:
        """Its one offer, everywhere but where it tells what it was asked, and under /_sim."""
        if self.path == "/asked":
            self.answer([*asked])
        elif self.path.startswith("/_sim"):
            self.answer({}, 404)
        else:
            self.answer({"object": "list", "count": 1, "data": [OFFER]})

    def do_POST(self) -> None:
        """A rental, if a model is named at all."""
        self.answer(self.rental, self.rents, after=self.rents_after)

    def do_DELETE(self) -> None:
        """Gone."""
        self.answer({"rental_id": "r1", "status": "terminated"})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # named so by the base class
        """Say nothing."""


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--dies-after", type=int, default=0)
    parser.add_argument("--rents", type=int, default=201)
    parser.add_argument("--rental", type=json.loads, default={"rental_id": "r1", "status": "warming up"})
    parser.add_argument("--rents-after", type=float, default=0.0)
    options = parser.parse_args()
    Service.dies_after, Service.rents_after = options.dies_after, options.rents_after
    Service.rents, Service.rental = options.rents, options.rental
    with ThreadingHTTPServer(("127.0.0.1", options.port), Service) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        options.ready_file.write_text(json.dumps({"url": url, "token": "si_test_alice"}))
        server.serve_forever()


if __name__ == "__main__":
    main()
