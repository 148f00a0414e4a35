"""Rows of the offers list in order, in blocks that cache their JSON until one of their rows changes.

So an answer of tens of thousands of rows is joined from some hundreds of pieces, and a change encodes one block anew.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from decimal import Decimal
from operator import attrgetter
from typing import NamedTuple

from ...core.market.offer import Offer

BLOCK_ROWS = 128
"""The rows of a new block; a block of twice as many is split in two. Larger blocks cost more per change, smaller ones
more per answer."""


class Row(NamedTuple):
    """A listed offer. Its first four fields order the list (A15), and no two offers agree in all of them."""

    price_micros: int
    provider_id: str
    region: str
    gpu_model: str
    offer: Offer
    json: bytes
    interruption_ppm: int
    model: str
    """The model, casefolded (A14)."""
    provider: str
    """The provider, casefolded."""
    vram_gb: int


_price = attrgetter("price_micros")


class Block:
    """A run of consecutive rows, at least one, with their cached JSON."""

    __slots__ = ("_json", "rows")

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self._json: bytes | None = None

    @property
    def last(self) -> Row:
        """The last row."""
        return self.rows[-1]

    @property
    def json(self) -> bytes:
        """The rows' JSON, joined by commas."""
        if self._json is None:
            self._json = b",".join([row.json for row in self.rows])
        return self._json

    def add(self, row: Row) -> None:
        """Insert a row in order."""
        insort(self.rows, row)
        self._json = None

    def remove(self, row: Row) -> None:
        """Remove a row of this block."""
        del self.rows[bisect_left(self.rows, row)]
        self._json = None


_last = attrgetter("last")
_dearest = attrgetter("last.price_micros")


class SortedRows:
    """Rows in the order of the list, in blocks."""

    __slots__ = ("_blocks",)

    def __init__(self, rows: Iterable[Row]) -> None:
        """Make blocks of rows that are sorted already."""
        ordered = list(rows)
        self._blocks = [Block(ordered[at : at + BLOCK_ROWS]) for at in range(0, len(ordered), BLOCK_ROWS)]

    def __len__(self) -> int:
        return sum(len(block.rows) for block in self._blocks)

    def __iter__(self) -> Iterator[Row]:
        return (row for block in self._blocks for row in block.rows)

    @property
    def pieces(self) -> list[bytes]:
        """The JSON of each block, to be joined by commas."""
        return [block.json for block in self._blocks]

    def add(self, row: Row) -> None:
        """Insert a row in order."""
        if not self._blocks:
            self._blocks.append(Block([row]))
            return
        at = min(bisect_left(self._blocks, row, key=_last), len(self._blocks) - 1)  # past the end: into the last block
        block = self._blocks[at]
        block.add(row)
        if len(block.rows) == 2 * BLOCK_ROWS:
            self._blocks[at : at + 1] = Block(block.rows[:BLOCK_ROWS]), Block(block.rows[BLOCK_ROWS:])

    def remove(self, row: Row) -> None:
        """Remove a row that is in the list."""
        at = bisect_left(self._blocks, row, key=_last)
        block = self._blocks[at]
        block.remove(row)
        if not block.rows:
            del self._blocks[at]  # the searches read each block's last row, so none may be empty

    def up_to(self, most_micros: Decimal) -> "SortedRows":
        """The rows up to a price. They share their blocks with this list: use them before it changes."""
        whole = bisect_right(self._blocks, most_micros, key=_dearest)
        found = SortedRows(())
        found._blocks = self._blocks[:whole]
        if whole < len(self._blocks):
            rows = self._blocks[whole].rows
            part = rows[: bisect_right(rows, most_micros, key=_price)]
            if part:
                found._blocks.append(Block(part))
        return found
