"""Text for a terminal."""

from gpu_sim.terminal_text import printable


def test_what_a_terminal_obeys_is_escaped_and_all_else_stays() -> None:
    assert printable("a\x1b[31m\x9b\u202e\ud800\n") == r"a\u001b[31m\u009b\u202e\ud800\u000a"
    assert printable("Québec, 東京 🚀 \\") == "Québec, 東京 🚀 \\"
