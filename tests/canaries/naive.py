"""The four endpoints once more, as somebody writes them in an afternoon from the documented examples alone.

`python naive.py --port 0 --ready-file F` serves on loopback and writes {"url", "token"} to F. There is no control
plane, and nothing here is the simulator's: what differs from it is what one happens to do when nobody says otherwise.
With `--number-prices` prices are numbers in the offers list, not text.
"""

import argparse
import json
import socket
import time
import uuid
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TOKEN = "si_live_demo"
BALANCE = 25.0
MINIMUM_SECONDS = 15 * 60
REQUIRED = ["gpu_model", "provider_id", "region", "model_id", "docker_image"]
OFFERS = [
    ("H100", 80, "gcp", "us-central1, US", 2.253, 0.05),
    ("RTX 4090", 24, "vast-ai", "Quebec, CA", 0.287, 0.02),
    ("RTX 4090", 24, "runpod", "Texas, US", 0.346, 0.04),
    ("A100 80GB", 80, "azure", "eastus, US", 0.741, 0.03),
    ("L40S", 48, "civo", "New York, US", 0.529, 0.01),
]


class Market:
    """Offers, rentals and one customer's credit, all in memory."""

    def __init__(self, *, number_prices: bool) -> None:
        self.offers: list[dict[str, Any]] = [
            {
                "gpu_model": model,
                "vram_gb": vram,
                "provider_id": provider,
                "region": region,
                "price_per_gpu_hour": price if number_prices else str(price),
                "interruption_probability": probability,
                "spot": True,
            }
            for model, vram, provider, region, price, probability in OFFERS
        ]
        self.rentals: dict[str, dict[str, Any]] = {}
        self.created: dict[str, float] = {}
        self.balance = BALANCE

    def find(self, body: dict[str, Any]) -> dict[str, Any]:
        """The offer that a rent body names."""
        names = ("gpu_model", "provider_id", "region")
        for offer in self.offers:
            if all(offer[name] == body[name] for name in names):
                return offer
        raise problem(404, "not_found_error", "offer_not_found", "no such offer")


def problem(status: int, type_: str, code: str, message: str, **more: Any) -> HTTPException:
    """An error in the envelope that the chat API is known for."""
    error = {"message": message, "type": type_, "param": None, "code": code, **more}
    return HTTPException(status, detail={"error": error})  # type: ignore[arg-type]  # a body, not only a phrase


def show_problem(request: Request, error: Exception) -> Response:
    """Our own errors as they are, those of the framework in its usual form."""
    assert isinstance(error, HTTPException)
    detail: object = error.detail
    return JSONResponse(detail if isinstance(detail, dict) else {"detail": detail}, error.status_code)


def check_token(request: Request) -> None:
    """Every handler begins with this."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    if token != TOKEN:
        raise problem(401, "authentication_error", "invalid_token", "invalid API key")


async def list_offers(request: Request) -> Response:
    """GET /v1/gpu/offers."""
    check_token(request)
    query = request.query_params
    found = market(request).offers
    if "gpu_model" in query:
        found = [offer for offer in found if offer["gpu_model"] == query["gpu_model"]]
    if "provider" in query:
        found = [offer for offer in found if offer["provider_id"] == query["provider"]]
    if "min_vram" in query:
        found = [offer for offer in found if offer["vram_gb"] >= int(query["min_vram"])]
    if "max_price" in query:
        found = [offer for offer in found if float(offer["price_per_gpu_hour"]) <= float(query["max_price"])]
    return JSONResponse({"object": "list", "count": len(found), "data": found})


async def rent(request: Request) -> Response:
    """POST /v1/gpu/rent."""
    check_token(request)
    body = await request.json()
    missing = [{"loc": ["body", name], "msg": "field required"} for name in REQUIRED if name not in body]
    if missing:
        return JSONResponse({"detail": missing}, 422)
    here = market(request)
    price = float(here.find(body)["price_per_gpu_hour"]) * body.get("gpu_count", 1)
    hold = price * MINIMUM_SECONDS / 3600
    if hold > here.balance:
        raise problem(402, "insufficient_credit_error", "insufficient_credit", "top up", amount_needed=hold)
    rental = {"rental_id": f"rent_{uuid.uuid4().hex}", "status": "provisioning", **body, "hold": hold}
    here.balance -= hold
    here.rentals[rental["rental_id"]] = rental
    here.created[rental["rental_id"]] = time.monotonic()
    return JSONResponse(rental, 200)


async def get_rental(request: Request) -> Response:
    """GET /v1/gpu/rentals/{rental_id}."""
    check_token(request)
    return JSONResponse(find_rental(request))


async def delete_rental(request: Request) -> Response:
    """DELETE /v1/gpu/rentals/{rental_id}."""
    check_token(request)
    rental = find_rental(request)
    here = market(request)
    del here.rentals[rental["rental_id"]]
    seconds = max(MINIMUM_SECONDS, time.monotonic() - here.created[rental["rental_id"]])
    charge = rental["hold"] / MINIMUM_SECONDS * seconds
    here.balance += rental["hold"] - charge
    return JSONResponse({**rental, "status": "terminated", "charged": charge})


def find_rental(request: Request) -> dict[str, Any]:
    """The rental in the path."""
    rental = market(request).rentals.get(request.path_params["rental_id"])
    if rental is None:
        raise problem(404, "not_found_error", "rental_not_found", "no such rental")
    return rental


def market(request: Request) -> Market:
    """The one market of the application."""
    found: Market = request.app.state.market
    return found


def build(*, number_prices: bool) -> Starlette:
    """The application."""
    app = Starlette(
        routes=[
            Route("/v1/gpu/offers", list_offers),
            Route("/v1/gpu/rent", rent, methods=["POST"]),
            Route("/v1/gpu/rentals/{rental_id}", get_rental, methods=["GET"]),
            Route("/v1/gpu/rentals/{rental_id}", delete_rental, methods=["DELETE"]),
        ],
        exception_handlers={HTTPException: show_problem},
    )
    app.state.market = Market(number_prices=number_prices)
    return app


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--ready-file", type=Path)
    parser.add_argument("--number-prices", action="store_true")
    options = parser.parse_args()
    with socket.create_server(("127.0.0.1", options.port)) as listening:
        if options.ready_file is not None:
            ready = {"url": f"http://127.0.0.1:{listening.getsockname()[1]}", "token": TOKEN}
            part = options.ready_file.with_suffix(".part")
            part.write_text(json.dumps(ready))
            part.replace(options.ready_file)
        config = uvicorn.Config(
            build(number_prices=options.number_prices), log_level="critical", access_log=False, timeout_keep_alive=75
        )
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
