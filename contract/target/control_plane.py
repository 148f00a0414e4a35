"""The control plane of the server under test: it moves the clock, gives credit, shows the ledger, makes worlds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, get_args

from .instants import format_instant, parse_instant
from .money import amount, dollars
from .server import Answer, NotApplicable, Pairs, Server

Capability = Literal["reset", "clock", "credit", "ledger", "rentals", "market", "worlds"]
"""A part of a control plane. The suite asks the server for it when a test first needs it."""

CAPABILITIES: tuple[Capability, ...] = get_args(Capability)
CONTROL_PLANE_CLOSED = "the server keeps its control plane from us: --admin-token is for that"
STILL_SCENARIOS = ("contract", "calm")
"""The scenarios in which nothing changes by itself."""

_PAGE = 100_000
"""The most items of a list that are asked for at a time."""

_SHOWN_BY: Mapping[Capability, tuple[str, str]] = {
    "reset": ("health", "worlds"),
    "clock": ("clock", "now"),
    "credit": ("accounts", "data"),
    "ledger": ("ledger", "data"),
    "rentals": ("rentals", "data"),
    "market": ("market", "data"),
    "worlds": ("worlds", "data"),
}
"""The call under /_sim that shows whether the server has it, and a key that its answer then has."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account as the control plane shows it; money in US dollars."""

    name: str
    token: str
    balance: Fraction
    available: Fraction
    held: Fraction


@dataclass(eq=False, repr=False)
class ControlledServer(Server):
    """A server whose control plane is used, if it has one and is not live."""

    _lacks: dict[Capability, str] = field(init=False)
    """The capabilities asked for so far, each with the reason why the server lacks it, or "" if it has it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._lacks = dict.fromkeys(CAPABILITIES, "the control plane is left alone") if self.is_live else {}

    def can(self, capability: Capability) -> bool:
        """True if the server has this part of a control plane and the suite may use it. Raises Unanswered."""
        if capability not in self._lacks:
            path, key = _SHOWN_BY[capability]
            self._lacks[capability] = _why_lacking(self.exchange("GET", f"/_sim/{path}", query=_one_row(path)), key)
        return not self._lacks[capability]

    @property
    def has_control(self) -> bool:
        """True if there is a control plane: then it is a simulator, which promises more than the API does."""
        return self.can("reset")

    def why_closed(self) -> str | None:
        """The reason why the admin token does not open the control plane, if one was given and does not."""
        if self.admin_token is None or self.can("reset") or self._lacks["reset"] != CONTROL_PLANE_CLOSED:
            return None
        return f"the control plane of {self.base_url} does not take the admin token"

    def require(self, *capabilities: Capability) -> None:
        """Raises NotApplicable if the server lacks one of these."""
        lacking = [capability for capability in capabilities if not self.can(capability)]
        if lacking:
            why, path = self._lacks[lacking[0]], _SHOWN_BY[lacking[0]][0]
            raise NotApplicable(f"needs a hand in {', '.join(lacking)}: {why} (GET /_sim/{path})")

    def require_still_market(self) -> None:
        """Raises NotApplicable unless the market stands still, the clock is manual and the profile is `extended`. Only
        then can the model predict each answer."""
        self.require("reset", "clock", "credit", "ledger", "rentals", "market")
        health = self.act("GET", "health")
        served = next(w["scenario"] for w in health["worlds"] if w["name"] == health["clock"]["world"])
        if served not in STILL_SCENARIOS or health["clock"]["mode"] != "manual" or health["profile"] != "extended":
            raise NotApplicable(
                f"needs {' or '.join(STILL_SCENARIOS)} under the manual clock in the extended profile, and this is "
                f"{served} under the {health['clock']['mode']} clock in the {health['profile']} profile"
            )

    def control(self, method: str, path: str, body: object = None, query: Pairs = ()) -> Answer:
        """Make a call under /_sim, in the world of the target's token. Any status may come."""
        self.require("reset")
        return self.exchange(method, f"/_sim/{path}", body=body, query=query)

    def act(self, method: str, path: str, body: object = None, query: Pairs = ()) -> Any:
        """Make a call under /_sim that must succeed. Returns the decoded body."""
        answer = self.control(method, path, body, query)
        assert answer.status < 300, f"{body}: {answer}"
        return answer.json if answer.content else None

    def items(self, path: str, after: int | str | None = None) -> list[dict[str, Any]]:
        """All items of a list under /_sim, or those after one of them, page after page: a server without pages shows
        them at once."""
        items: list[dict[str, Any]] = []
        while True:
            place = [] if after is None else [("after", str(after))]
            page = self.act("GET", path, query=[("limit", str(_PAGE)), *place])
            items += page["data"]
            after = page.get("next")
            if after is None:
                return items

    def now(self) -> int:
        """Virtual time in milliseconds since 1970."""
        return parse_instant(self.act("GET", "clock")["now"])

    def advance(self, ms: int) -> None:
        """Advance the clock by `ms` milliseconds."""
        self.act("POST", "clock/advance", {"by": f"{ms}ms"})

    def advance_to(self, instant_ms: int) -> None:
        """Advance the clock to an instant, in milliseconds since 1970."""
        self.act("POST", "clock/advance", {"to": format_instant(instant_ms)})

    def reset(self) -> None:
        """Reset the world to the start of its scenario, with the same seed."""
        self.act("POST", "reset", {})

    def accounts(self) -> dict[str, Account]:
        """Every account of the world, by name."""
        return {row["name"]: _account(row) for row in self.items("accounts")}

    def open_account(self, name: str, token: str, balance: Fraction) -> None:
        """Open an account with this balance."""
        self.act("POST", "accounts", {"name": name, "token": token, "balance": amount(balance)})

    def credit(self, name: str, value: Fraction) -> None:
        """Add credit to an account."""
        self.act("POST", f"accounts/{name}/credit", {"amount": amount(value)})

    def ledger(self, after: int | None = None) -> list[dict[str, Any]]:
        """The ledger entries: all, or those after a sequence number."""
        return self.items("ledger", after)

    def touch(self, rental_id: str) -> Answer:
        """Act as if the rented GPU had served a request (A19)."""
        return self.control("POST", f"rentals/{rental_id}/touch")

    def interrupt(self, rental_id: str) -> Answer:
        """Interrupt a rental, as the market does."""
        return self.control("POST", f"rentals/{rental_id}/interrupt")


def _one_row(path: str) -> Pairs:
    """The query that keeps the answer of a list short: the suite only wants to know that it is there."""
    return [("limit", "1")] if path in ("ledger", "rentals", "market") else ()


def _why_lacking(answer: Answer, key: str) -> str:
    """The reason why an answer shows no control plane, or "" if it shows one."""
    if answer.status == 403:
        return CONTROL_PLANE_CLOSED
    return "" if answer.status == 200 and _has(answer, key) else "the server has no such control plane"


def _has(answer: Answer, key: str) -> bool:
    """True if the body is a JSON object with that key. Any server may answer here, in any format."""
    try:
        return isinstance(answer.json, dict) and key in answer.json
    except ValueError:
        return False


def _account(row: dict[str, str]) -> Account:
    return Account(row["name"], row["token"], dollars(row["balance"]), dollars(row["available"]), dollars(row["held"]))
