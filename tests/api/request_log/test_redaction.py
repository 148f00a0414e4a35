"""Redaction of the request log."""

from typing import Any

import pytest
from gpu_sim.api.request_log.redaction import REDACTED, Redactor
from gpu_sim.core.scenario.scenario import AccountSpec
from gpu_sim.worlds.world import World
from gpu_sim.worlds.worlds import Worlds

from ...support.asgi import scenario

PLAIN, LONGER, ODD = "hunter2", "hunter2more", "s.e(c)r+t"


@pytest.fixture
def worlds() -> Worlds:
    """Two worlds with tokens of several shapes."""
    worlds = Worlds()
    worlds.add(World("default", scenario(accounts=(AccountSpec("a", PLAIN), AccountSpec("b", LONGER)))))
    worlds.add(World("other", scenario(accounts=(AccountSpec("c", ODD), AccountSpec("d", "si_test.dots/too")))))
    return worlds


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("nothing", "nothing"),
        (PLAIN, REDACTED),
        (LONGER, REDACTED),
        (f"a{ODD}b", f"a{REDACTED}"),
        (f"{PLAIN} and {ODD}", f"{REDACTED} and {REDACTED}"),
        ("si_test.dots/too", REDACTED),
        ("Bearer si_unknown-Token_9", f"Bearer {REDACTED}"),
        ("quasi_periodic", "quasi_periodic"),
        ("ssh-ed25519 AAAA+/= me@host", f"{REDACTED} me@host"),
        ("ssh-rsa", "ssh-rsa"),
        (f"si_{PLAIN} ssh-rsa A{PLAIN}B", f"{REDACTED} {REDACTED}"),
        (f"{ODD}{ODD}", REDACTED),
        ("ssh_key=ssh-rsa+AAAA", f"ssh_key={REDACTED}"),
    ],
)
def test_tokens_and_keys_are_replaced_and_nothing_else(worlds: Worlds, text: str, shown: str) -> None:
    assert Redactor(worlds).text(text) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("/v1/a%20b", "/v1/a%20b"),
        ("x=si%5Fsecret", f"x={REDACTED}"),
        ("x=%68unter2", f"x={REDACTED}"),
        ("x=%ff&y=hunter2", f"x=%ff&y={REDACTED}"),
        ("x=s.e(c)r+t", f"x={REDACTED}"),
        ("x=ssh-rsa%20AAAA", f"x={REDACTED}"),
    ],
)
def test_escapes_hide_nothing_in_a_url(worlds: Worlds, url: str, shown: str) -> None:
    assert Redactor(worlds).url(url) == shown


def test_json_is_redacted_at_every_depth(worlds: Worlds) -> None:
    value: dict[str, Any] = {
        "ssh_key": "anything",
        "n": [1, None, True, 1.5, {"ssh_key": None, PLAIN: [PLAIN, {"ssh_key": ["x"]}]}],
    }
    assert Redactor(worlds).json(value) == {
        "ssh_key": REDACTED,
        "n": [1, None, True, 1.5, {"ssh_key": None, REDACTED: [REDACTED, {"ssh_key": REDACTED}]}],
    }


def test_a_token_that_came_later_is_redacted_too(worlds: Worlds) -> None:
    redactor = Redactor(worlds)
    assert redactor.text("another") == "another"
    worlds.keyring.open_account(worlds.by_name["default"], "e", "another")
    assert redactor.text("another") == REDACTED


def test_what_is_cut_off_is_redacted_first(worlds: Worlds) -> None:
    redactor = Redactor(worlds)
    assert redactor.cut(f"/x/{PLAIN}", 100) == f"/x/{PLAIN}"  # to be redacted when it is shown
    assert redactor.cut(f"/{'x' * 7}/{PLAIN}", 12) == f"/{'x' * 7}/[re"
    assert redactor.cut(f"/{'x' * 7}/%68unter2", 12) == f"/{'x' * 7}/[re"
