"""The way to the market over HTTP: the ASGI application in this process, with a world whose clock stands."""

import asyncio
import gzip
from types import TracebackType
from urllib.parse import quote

import msgspec
from starlette.types import ASGIApp, Message

from ...api.app import build_app
from ...api.auth import ControlAccess
from ...api.exchange import OFFERS_PATH, RENT_PATH, RENTALS_PATH
from ...api.transport import InjectedDisconnect
from ...core.kernel.names import offer_name
from ...core.kernel.quantities import Instant
from ...core.kernel.randomness import PPM
from ...core.scenario.acts import DOCKER_IMAGE, MODEL_ID
from ...core.scenario.scenario import ClockSettings, Scenario
from ...notation import parse_price
from ...worlds.world import World
from ...worlds.worlds import DEFAULT_WORLD, Worlds
from .answers import ANSWER_LOST, REFUSED_FROM, refusal_in
from .market_client import Refusal
from .sight import OfferSeen

_KEPT = 10**12
"""All that ends is kept: the journal of a run is whole."""


class _Listed(msgspec.Struct):
    gpu_model: str
    vram_gb: int
    provider_id: str
    region: str
    price_per_gpu_hour: str
    interruption_probability: float
    spot: bool


class _Offers(msgspec.Struct):
    data: list[_Listed]


class _Rented(msgspec.Struct):
    rental_id: str


class Answer(msgspec.Struct):
    """An answer of the application."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = []
    body: bytes = b""


_decode_offers = msgspec.json.Decoder(_Offers).decode
_decode_rented = msgspec.json.Decoder(_Rented).decode


class HttpMarket:
    """A server in this process with one world, whose simulation is moved by whoever made it. `close` it in the end."""

    def __init__(self, scenario: Scenario, *, seed: int, start_epoch_ms: int) -> None:
        clock = ClockSettings(mode="manual", start=Instant(start_epoch_ms))
        self.world = World(DEFAULT_WORLD, scenario, seed=seed, clock=clock, keep=_KEPT)
        self.world.stopping = True  # the waits of faults are over at once: a run is of virtual time alone
        self._worlds = Worlds(keep=_KEPT)
        self._worlds.add(self.world)
        self._app: ASGIApp = build_app(self._worlds, ControlAccess())
        self._tokens = self._worlds.keyring.tokens_of(self.world)
        self._runner = asyncio.Runner()

    def __enter__(self) -> "HttpMarket":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.close()

    def client(self, account: str) -> "HttpClient":
        """A client of that account."""
        return HttpClient(self, account, self._tokens[account])

    def call(self, method: str, path: str, token: str, body: bytes = b"", key: str | None = None) -> Answer:
        """One request and its answer; the status is 0 where the connection was cut before the answer was whole."""
        return self._runner.run(self._called(method, path, token, body, key))

    async def _called(self, method: str, path: str, token: str, body: bytes, key: str | None) -> Answer:
        answer = Answer()
        headers = [
            (b"host", b"127.0.0.1"),
            (b"authorization", f"Bearer {token}".encode()),
            (b"content-length", b"%d" % len(body)),
            *([(b"content-type", b"application/json")] if body else []),
            *([] if key is None else [(b"idempotency-key", key.encode())]),
        ]
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": quote(path).encode(),
            "query_string": b"",
            "headers": headers,
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status, answer.headers = message["status"], list(message["headers"])
            else:
                answer.body += message["body"]

        try:
            await self._app(scope, receive, send)
        except InjectedDisconnect:
            return Answer()
        if (b"content-encoding", b"gzip") in answer.headers:
            answer.body = gzip.decompress(answer.body)
        return answer


class HttpClient:
    """The requests of one account, each through the whole API."""

    def __init__(self, market: HttpMarket, account: str, token: str) -> None:
        self._market = market
        self._account = account
        self._token = token
        self._body = b""
        self._listed: tuple[OfferSeen, ...] = ()

    def offers(self) -> tuple[OfferSeen, ...] | Refusal:
        """All offers that are listed now, in the order of the list."""
        answer = self._market.call("GET", OFFERS_PATH, self._token)
        if answer.status >= REFUSED_FROM:
            return refusal_in(answer.status, answer.headers, answer.body)
        if not answer.body:
            return ANSWER_LOST
        if answer.body != self._body:
            try:
                listed = tuple(map(_seen, _decode_offers(answer.body).data))
            except msgspec.MsgspecError:
                return ANSWER_LOST
            self._body, self._listed = answer.body, listed
        return self._listed

    def rent(self, offer: OfferSeen, gpu_count: int, key: str | None) -> str | Refusal:
        """Rent; the answer is the rental's id."""
        wanted = {
            "gpu_model": offer.gpu_model,
            "provider_id": offer.provider_id,
            "region": offer.region,
            "gpu_count": gpu_count,
            "model_id": MODEL_ID,
            "docker_image": DOCKER_IMAGE,
        }
        answer = self._market.call("POST", RENT_PATH, self._token, msgspec.json.encode(wanted), key)
        if answer.status >= REFUSED_FROM:
            return refusal_in(answer.status, answer.headers, answer.body)
        try:
            return _decode_rented(answer.body).rental_id
        except msgspec.MsgspecError:
            return ANSWER_LOST

    def end(self, rental_id: str) -> Refusal | None:
        """End a rental."""
        answer = self._market.call("DELETE", f"{RENTALS_PATH}{rental_id}", self._token)
        if answer.status >= REFUSED_FROM:
            return refusal_in(answer.status, answer.headers, answer.body)
        try:
            _decode_rented(answer.body)
        except msgspec.MsgspecError:
            return ANSWER_LOST
        return None

    def touch(self, rental_id: str) -> None:
        """Use a running rental, which keeps it from idling out."""
        answer = self._market.call("POST", f"/_sim/rentals/{rental_id}/touch", self._token)
        assert answer.status == 200, answer.body  # what the control plane answers

    def available_micros(self) -> int:
        """The credit that no hold reserves, as the control plane would say."""
        return self._market.world.simulation.ledger.available(self._account)


def _seen(listed: _Listed) -> OfferSeen:
    return OfferSeen(
        offer_name(listed.provider_id, listed.gpu_model, listed.region),
        listed.provider_id,
        listed.gpu_model,
        listed.region,
        listed.vram_gb,
        int(parse_price(listed.price_per_gpu_hour)),
        # The API writes whole parts per million as a decimal number: no other number is nearer.
        round(listed.interruption_probability * PPM),
        listed.spot,
    )
