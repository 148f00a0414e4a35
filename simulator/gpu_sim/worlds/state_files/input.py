"""An input of a run: one of the things that, in order, make it what it is."""

import msgspec
from msgspec import Struct

from ...core.commands import Command
from ...core.faults.lines import FaultLine
from ...core.journal import plain_quantity
from ...core.rentals.idempotency import Key


class Input(Struct, frozen=True, omit_defaults=True):
    """One step of a replay: a command and the idempotency key that it came with, or a line about faults."""

    command: Command | None = None
    key: Key | None = None
    fault: FaultLine | None = None

    @property
    def line(self) -> Command | FaultLine:
        """The command or the line."""
        line = self.command or self.fault
        assert line is not None
        return line


decode_input = msgspec.json.Decoder(Input, dec_hook=plain_quantity).decode
