"""Lines that are written by a thread of their own, for readers who read and for those who do not."""

import os
from collections.abc import Iterator

import pytest
from gpu_sim.server import line_writer
from gpu_sim.server.line_writer import WAITING_BYTES_MAX, LineWriter


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe; a test may close them itself."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            assert True


def test_the_end_waits_until_all_lines_are_written_in_order(pipe: tuple[int, int]) -> None:
    lines = [b"%d\n" % number for number in range(1_000)]
    with LineWriter(pipe[1]) as writer:
        assert all(writer.write(line) for line in lines)
    assert os.read(pipe[0], 100_000) == b"".join(lines)


def test_what_finds_no_room_is_dropped_and_the_end_does_not_wait_for_ever(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_writer, "CLOSE_SECONDS_MAX", 0.01)
    line = b"x" * 65_535 + b"\n"
    with LineWriter(pipe[1]) as writer:
        taken = [writer.write(line) for _ in range(100)]
    room = WAITING_BYTES_MAX // len(line)
    assert taken[:room] == [True] * room
    assert not taken[-1]
    os.close(pipe[0])
    writer._thread.join(20)  # it hung on the pipe, and nobody reads that any more
    assert not writer._thread.is_alive()


def test_there_is_room_again_once_lines_were_read(pipe: tuple[int, int]) -> None:
    line = b"x" * 9_999 + b"\n"
    with LineWriter(pipe[1]) as writer:
        unread = 0
        while writer.write(line):
            unread += len(line)
        while unread:
            unread -= len(os.read(pipe[0], unread))
        assert any(writer.write(line) for _ in range(1_000_000))  # the thread may not have counted yet


def test_a_reader_that_is_gone_is_no_failure(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    with LineWriter(pipe[1]) as writer:
        assert writer.write(b"x\n")


def test_outside_of_its_block_it_takes_nothing(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1])
    assert not writer.write(b"x\n")
    with writer:
        assert writer.write(b"y\n")
    assert not writer.write(b"z\n")
    assert os.read(pipe[0], 10) == b"y\n"
