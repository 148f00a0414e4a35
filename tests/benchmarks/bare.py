"""The yardstick: an ASGI application that answers recorded bytes and does nothing else."""

import json
import socket
import sys
from pathlib import Path

import uvicorn
from starlette.types import Receive, Scope, Send


class Bare:
    def __init__(self, answers: dict[str, str]) -> None:
        self._offers = answers["offers"].encode()
        self._repeated = answers["repeated"].encode()
        self._rent = answers["rent"].encode()
        self._rental = answers["rental"].encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, path = 200, scope["path"]
        if path == "/v1/gpu/offers":
            body = self._repeated if scope["query_string"].startswith(b"gpu_model") else self._offers
        elif scope["method"] == "POST":
            while (await receive()).get("more_body", False):
                pass
            status, body = 201, self._rent
        else:
            body = self._rental
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def main() -> None:
    answers, ready = Path(sys.argv[1]), Path(sys.argv[2])
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    app = Bare(json.loads(answers.read_text()))
    config = uvicorn.Config(app, lifespan="off", ws="none", access_log=False, log_level="warning", proxy_headers=False)
    ready.write_text(json.dumps({"url": f"http://127.0.0.1:{listening.getsockname()[1]}"}))
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
