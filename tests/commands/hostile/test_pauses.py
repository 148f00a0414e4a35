"""A small run of the command that measures pauses: `python -m tests.commands.hostile.pauses`."""

from pathlib import Path

from .fuzzed_server import fuzzed_server
from .pauses import kinds, run


def test_every_kind_of_request_is_answered_or_cut_off_as_it_should_be(tmp_path: Path) -> None:
    with fuzzed_server(tmp_path) as server:
        pauses = run(server, megabytes=1, rentals=5)
        server.check()
    assert len(pauses) == len(kinds(1, b"")) + 1
    statuses = {name: pause.status for name, pause in pauses.items()}
    assert statuses.pop("a head of 20 MB") in (431, 0)
    assert {name for name, status in statuses.items() if status == 400} == {
        *("a key twice, 1 MB", "junk as snapshot"),
        *(f"a damaged snapshot{more}" for more in ("", " with spaces", " with escapes")),
    }
    assert statuses.pop("10,000 requests ahead") == 404
    assert statuses["a valid snapshot"] == 200
    assert statuses["a world of 40,000 accounts"] == 201
    assert min(pause.longest for pause in pauses.values()) > 0
