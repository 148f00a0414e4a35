"""Rows of the offers list in their order, in blocks whose bytes are kept until a row of theirs changes.

So an answer of tens of thousands of rows is put together from some dozens of pieces.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from decimal import Decimal
from operator import attrgetter
from typing import NamedTuple

from ...core.market.offer import Offer

BLOCK_ROWS = 128
"""A block has as many rows at first, and is halved when it has come to twice as many."""


class Row(NamedTuple):
    """An offer that is listed. What comes first orders the list (A15), and no two offers have all of it in common."""

    price_micros: int
    provider_id: str
    region: str
    gpu_model: str
    offer: Offer
    json: bytes
    interruption_ppm: int
    model: str
    """The model, whatever its case (A14)."""
    provider: str
    """The provider, likewise."""
    vram_gb: int


_price = attrgetter("price_micros")


class Block:
    """Some rows that follow each other, at least one."""

    __slots__ = ("_json", "rows")

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self._json: bytes | None = None

    @property
    def last(self) -> Row:
        """The row that comes last."""
        return self.rows[-1]

    @property
    def json(self) -> bytes:
        """Its rows, with commas between them."""
        if self._json is None:
            self._json = b",".join([row.json for row in self.rows])
        return self._json

    def add(self, row: Row) -> None:
        """Take a row in at its place."""
        insort(self.rows, row)
        self._json = None

    def remove(self, row: Row) -> None:
        """Take a row out that is there."""
        del self.rows[bisect_left(self.rows, row)]
        self._json = None


_last = attrgetter("last")
_dearest = attrgetter("last.price_micros")


class SortedRows:
    """Rows in order."""

    __slots__ = ("_blocks",)

    def __init__(self, rows: Iterable[Row]) -> None:
        """Of rows that are in order already."""
        ordered = list(rows)
        self._blocks = [Block(ordered[at : at + BLOCK_ROWS]) for at in range(0, len(ordered), BLOCK_ROWS)]

    def __len__(self) -> int:
        return sum(len(block.rows) for block in self._blocks)

    def __iter__(self) -> Iterator[Row]:
        return (row for block in self._blocks for row in block.rows)

    @property
    def pieces(self) -> list[bytes]:
        """What the list shows of them, to be joined by commas."""
        return [block.json for block in self._blocks]

    def add(self, row: Row) -> None:
        """Take a row in at its place."""
        if not self._blocks:
            self._blocks.append(Block([row]))
            return
        at = min(bisect_left(self._blocks, row, key=_last), len(self._blocks) - 1)
        block = self._blocks[at]
        block.add(row)
        if len(block.rows) == 2 * BLOCK_ROWS:
            self._blocks[at : at + 1] = Block(block.rows[:BLOCK_ROWS]), Block(block.rows[BLOCK_ROWS:])

    def remove(self, row: Row) -> None:
        """Take a row out that is there."""
        at = bisect_left(self._blocks, row, key=_last)
        block = self._blocks[at]
        block.remove(row)
        if not block.rows:
            del self._blocks[at]

    def up_to(self, most_micros: Decimal) -> "SortedRows":
        """Those that cost no more, to be used at once: the blocks are the same."""
        whole = bisect_right(self._blocks, most_micros, key=_dearest)
        found = SortedRows(())
        found._blocks = self._blocks[:whole]
        if whole < len(self._blocks):
            rows = self._blocks[whole].rows
            part = rows[: bisect_right(rows, most_micros, key=_price)]
            if part:
                found._blocks.append(Block(part))
        return found
