"""Rows in blocks equal rows in one sorted list, under any insertions and removals."""

from bisect import insort
from decimal import Decimal
from random import Random

import pytest
from gpu_sim.api.offers import sorted_rows
from gpu_sim.api.offers.sorted_rows import Row, SortedRows
from gpu_sim.core.market.offer import Offer
from gpu_sim.core.market.prices import PricePaths
from gpu_sim.core.scenario.market_settings import PriceSettings

from ...support.builders import offer

SPEC = offer()
SOME_OFFER = Offer(SPEC, PricePaths(PriceSettings(), 1).open(SPEC))


def row(price: int, region: str = "a", json: bytes = b"") -> Row:
    return Row(price, "p", region, "m", SOME_OFFER, json or b"%d%b" % (price, region.encode()), 0, "m", "p", 24)


def joined(rows: list[Row]) -> bytes:
    return b",".join([each.json for each in rows])


@pytest.mark.parametrize("in_block", [1, 2, 5, 1_000])
def test_blocks_show_what_one_sorted_list_shows(in_block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorted_rows, "BLOCK_ROWS", in_block)
    luck = Random(in_block)
    plain = sorted(row(luck.randrange(30), f"r{number}") for number in range(40))
    blocks = SortedRows(plain)
    for turn in range(400):
        if plain and luck.random() < (0.7 if 100 < turn < 250 else 0.45):
            gone = luck.choice(plain)
            plain.remove(gone)
            blocks.remove(gone)
        else:
            come = row(luck.randrange(30), f"n{turn}")
            insort(plain, come)
            blocks.add(come)
        assert list(blocks) == plain
        assert len(blocks) == len(plain)
        assert b",".join(blocks.pieces) == joined(plain)
        most = luck.randrange(-1, 31)
        cheap = [each for each in plain if each.price_micros <= most]
        assert list(blocks.up_to(Decimal(most))) == cheap
        assert b",".join(blocks.up_to(Decimal(most)).pieces) == joined(cheap)
        assert len(blocks.pieces) <= len(plain)


def test_a_block_that_fills_up_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorted_rows, "BLOCK_ROWS", 3)
    rows = SortedRows(())
    for price in range(12):
        rows.add(row(price))
    assert [piece.count(b",") + 1 for piece in rows.pieces] == [3, 3, 3, 3]


def test_the_bytes_of_a_block_are_kept_until_one_of_its_rows_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorted_rows, "BLOCK_ROWS", 2)
    rows = SortedRows([row(1), row(2), row(3), row(4)])
    first, second = rows.pieces
    assert rows.pieces[0] is first
    rows.remove(row(3))
    rows.add(row(3, json=b"anew"))
    assert rows.pieces[0] is first
    assert (second, rows.pieces[1]) == (b"3a,4a", b"anew,4a")
