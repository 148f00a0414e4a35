"""Signals that ask a command to end: noted always, raised where that breaks nothing."""

import gc
import signal
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from gpu_sim.exit_signals import BrokenOff, ExitSignals

NUMBERS = (signal.SIGINT, signal.SIGTERM)
SECONDS_MAX = 60


@pytest.fixture
def signals() -> Iterator[ExitSignals]:
    """Signals of this process that are listened to; afterwards all is as before."""
    before = {number: signal.getsignal(number) for number in (*NUMBERS, signal.SIGALRM)}
    hook = sys.unraisablehook
    listening = ExitSignals()
    listening.listen()
    yield listening
    sys.unraisablehook = hook
    for number, handler in before.items():
        signal.signal(number, handler)


def interrupted(block: Callable[[], None]) -> None:
    """Run a block that a signal breaks off."""
    with pytest.raises(BrokenOff):
        block()


def work() -> None:
    """All the time that there is, if nothing breaks it off."""
    assert not threading.Event().wait(SECONDS_MAX)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_raises_and_is_noted_with_the_exit_code_of_shells(
    signals: ExitSignals, number: int, code: int
) -> None:
    with pytest.raises(BrokenOff):
        signal.raise_signal(number)
    assert (signals.number, signals.exit_code, signals.message) == (number, code, "broken off")


def test_the_second_breaks_no_cleanup_off_and_the_third_ends_what_hangs(signals: ExitSignals) -> None:
    with pytest.raises(BrokenOff):
        signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)
    assert signals.number == signal.SIGINT
    with pytest.raises(BrokenOff):
        signal.raise_signal(signal.SIGINT)


def test_one_that_is_held_back_raises_at_the_end_of_the_block_and_once(signals: ExitSignals) -> None:
    done = []

    def block() -> None:
        with signals.held():
            with signals.held():
                for _ in range(4):
                    signal.raise_signal(signal.SIGTERM)
            done.append("the inner block ends")

    interrupted(block)
    assert done == ["the inner block ends"]
    with signals.held():
        done.append("a later one")
    assert signals.number == signal.SIGTERM


def test_what_a_block_has_raised_does_not_hide_a_signal(signals: ExitSignals) -> None:
    def block() -> None:
        with signals.held():
            signal.raise_signal(signal.SIGTERM)
            raise AssertionError("something else")

    interrupted(block)


def test_the_second_breaks_off_a_block_without_patience(signals: ExitSignals) -> None:
    done = []

    def block() -> None:
        with signals.held(patient=False):
            signal.raise_signal(signal.SIGINT)
            done.append("after the first")
            signal.raise_signal(signal.SIGINT)
            done.append("after the second")

    interrupted(block)
    assert done == ["after the first"]


def test_a_block_within_a_patient_one_is_patient(signals: ExitSignals) -> None:
    done = []

    def block() -> None:
        with signals.held(), signals.held(patient=False):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            done.append("whole")

    interrupted(block)
    assert done == ["whole"]


def test_a_block_may_be_open_within_one_that_is_held(signals: ExitSignals) -> None:
    done = []

    def opened() -> None:
        with signals.released():
            signal.raise_signal(signal.SIGINT)

    with signals.held():
        interrupted(opened)
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        done.append("held again")
    assert done == ["held again"]


def test_one_that_came_before_a_block_is_opened_raises_there(signals: ExitSignals) -> None:
    done = []

    def opened() -> None:
        with signals.released():
            done.append("opened")

    with signals.held():
        signal.raise_signal(signal.SIGINT)
        interrupted(opened)
    assert done == []


def test_one_whose_exception_was_swallowed_raises_at_the_next_check(signals: ExitSignals) -> None:
    signals.check()
    with pytest.raises(BrokenOff):
        signal.raise_signal(signal.SIGINT)
    with signals.held():
        signals.check()
    with pytest.raises(BrokenOff):
        signals.check()


def calling_back(raised: Callable[[], None]) -> None:
    """Let something happen in a callback of the interpreter, from which no exception gets to a caller."""

    def call_back(phase: str, info: dict[str, int]) -> None:
        gc.callbacks.remove(call_back)
        raised()

    gc.callbacks.append(call_back)
    gc.collect()
    assert call_back not in gc.callbacks


def test_one_that_is_lost_in_a_callback_raises_again(signals: ExitSignals, capsys: pytest.CaptureFixture[str]) -> None:
    def block() -> None:
        calling_back(lambda: signal.raise_signal(signal.SIGTERM))
        work()

    interrupted(block)
    assert capsys.readouterr().err == ""


def test_what_else_is_lost_goes_where_it_went_before(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", lambda lost: told.append(lost.exc_type))
    before = {number: signal.getsignal(number) for number in (*NUMBERS, signal.SIGALRM)}
    ExitSignals().listen()

    def fail() -> None:
        raise OSError

    calling_back(fail)
    for number, handler in before.items():
        signal.signal(number, handler)
    assert told == [OSError]


def test_a_command_that_ends_in_its_own_way_is_called_and_nothing_is_raised(signals: ExitSignals) -> None:
    heard: list[int] = []
    signals.hand_over(lambda number, _: heard.append(number))
    signal.raise_signal(signal.SIGTERM)
    assert (heard, signals.number) == ([signal.SIGTERM], signal.SIGTERM)
    signals.expect()
    signal.raise_signal(signal.SIGINT)
    assert (heard, signals.number) == ([signal.SIGTERM, signal.SIGINT], None)


def test_after_the_end_signals_change_nothing(signals: ExitSignals) -> None:
    signals.close()
    for number in NUMBERS * 2:
        signal.raise_signal(number)
    assert signals.number is None


def test_a_command_may_have_an_exit_code_and_a_line_of_its_own(signals: ExitSignals) -> None:
    signals.end_with(2, "interrupted")
    with pytest.raises(BrokenOff):
        signal.raise_signal(signal.SIGINT)
    assert (signals.exit_code, signals.message) == (2, "interrupted")
