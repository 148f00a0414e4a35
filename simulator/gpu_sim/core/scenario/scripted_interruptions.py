"""Interruptions as acts and operators ask for them, with the notice that comes before."""

from msgspec import Struct

from ..kernel.clock import DAY_MS
from ..kernel.quantities import Duration

NOTICE_MS_MAX = 7 * DAY_MS
"""The earliest that an act or an operator can have a rental notified of its interruption."""


class ScriptedInterruption(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """An interruption of a rental by an act or an operator, whatever its status until then."""

    notice: Duration | None = None
    """The time between the notice and the interruption, at most 7d; that of the offer's provider unless given, and with
    0s the interruption comes at once."""
    false_alarm: bool = False
    """Only the notice comes, and nothing follows."""
    withdraw: bool = False
    """The interruption that a notice named does not come."""

    def __post_init__(self) -> None:
        check_notice(self.notice)
        if self.false_alarm and not self.notice:
            raise ValueError("a false alarm is a notice: give notice, such as 2m")
        if self.withdraw and (self.false_alarm or self.notice is not None):
            raise ValueError("withdraw goes without notice and false_alarm: it calls off what was notified before")


def check_notice(notice: Duration | None) -> None:
    """Raises ValueError for a notice that is too long."""
    if (notice or 0) > NOTICE_MS_MAX:
        raise ValueError("notice must be at most 7d")
