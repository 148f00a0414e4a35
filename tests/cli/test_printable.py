"""Nothing unprintable reaches a terminal, whatever files, answers and arguments hold."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from gpu_sim.cli import lines
from gpu_sim.cli.main import main
from gpu_sim.exit_signals import ExitSignals
from gpu_sim.scenario_files.load import ScenarioError, parse_scenario
from gpu_sim.terminal_text import printable

HOSTILE = "\x1b]0;pwn\x07\x1b[31m\x9b1m\x7f\u202e\u2066\x00\r\u2028"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printed(*arguments: str) -> str:
    """All that a command prints, as a terminal would get it."""
    result = CliRunner().invoke(main, [*arguments], color=True)
    assert result.exit_code in (0, 1, 2)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.output


@pytest.mark.parametrize("character", [*map(chr, range(32)), "\x7f", "\x80", "\x9b", "\u202e", "\u2069", "\ud800"])
def test_what_a_terminal_obeys_is_escaped(character: str) -> None:
    assert printable(f"a{character}b") == f"a\\u{ord(character):04x}b"


@pytest.mark.parametrize(
    "text", ["Quebec, CA", "Zürich ☃ 日本語", "\N{WOMAN}\u200d\N{PERSONAL COMPUTER}", "a\xa0b", "שלום"]
)
def test_what_people_write_stays(text: str) -> None:
    assert printable(text) == text


def test_lines_and_their_tabs_stay_and_all_else_is_escaped() -> None:
    assert lines.printable_lines("a\tb\n\x1b[31mc\r\n") == "a\tb\n\\u001b[31mc\\u000d\n"


@pytest.mark.parametrize(
    "text",
    [
        f'name: ok\nextends: calm\n"{HOSTILE}key": 1\n',
        f'name: ok\nextends: "{HOSTILE}"\n',
        f'name: ok\nextends: calm\nmarket: {{catalog: "{HOSTILE}"}}\n',
        f'name: ok\nextends: calm\naccounts: [{{name: "{HOSTILE}"}}]\n',
        f'name: ok\nextends: calm\nfaults: [{{name: "r", on: {{region: "{HOSTILE}"}}, effect: {{respond: 503}}}}]\n',
        f'name: ok\nextends: calm\ntimeline: [{{at: "{HOSTILE}"}}]\n',
        f'"{HOSTILE}\n',
    ],
)
def test_problems_of_a_scenario_are_printable(tmp_path: Path, text: str) -> None:
    escaped = text.replace(HOSTILE, json.dumps(HOSTILE)[1:-1])
    file = tmp_path / "s.yaml"
    file.write_text(escaped, encoding="utf-8")
    for command in (("check",), ("market", "--seeds", "1"), ("serve", "--port", "0", "--scenario")):
        output = printed(*command, str(file))
        assert output
        assert OBEYED.search(output) is None, output
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(escaped, origin="x\x1b", folder=None)
    assert OBEYED.search(str(caught.value)) is None


def test_a_problem_is_one_line_whatever_is_in_it(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text('name: ok\nextends: calm\n"a\\nError: all is lost": 1\n')
    assert len(printed("check", str(file)).splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "{}"),
        ("replay", "{}"),
        ("calibrate", "{}"),
        ("market", "{}"),
        ("market", "calm", "--trace", "{}"),
        ("snapshot", "load", "{}"),
        ("snapshot", "save", "{}/x/y"),
        ("wait", "--url", "http://{}", "--timeout", "1ms"),
        ("wait", "--timeout", "{}"),
        ("verify", "--only", "{}", "--token", "x"),
        ("serve", "--scenario", "{}"),
        ("serve", "--host", "{}", "--port", "0"),
        ("serve", "--clock", "{}"),
        ("serve", "--{}"),
        ("{}",),
        ("--{}",),
        ("snapshot", "{}"),
    ],
)
def test_arguments_are_printable(arguments: tuple[str, ...]) -> None:
    name = HOSTILE.replace("\x00", "")
    output = printed(*(argument.replace("{}", name) for argument in arguments))
    assert output
    assert OBEYED.search(output) is None, output


def test_the_reason_of_a_verification_that_a_signal_ended_is_printable() -> None:
    signals = ExitSignals()
    CliRunner().invoke(main, ["verify", "--token", "x", "--only", HOSTILE], obj=signals)
    assert signals.message.startswith("Error: no clause")
    assert OBEYED.search(signals.message) is None


@pytest.mark.parametrize("content", [HOSTILE, f'{{"{HOSTILE}": 1}}\n{{"at": 1, "end": true}}\n', f"{HOSTILE},b\n1,2\n"])
def test_contents_of_files_are_printable(tmp_path: Path, content: str) -> None:
    file = tmp_path / "file.csv"
    file.write_text(content, encoding="utf-8")
    for command in ("replay", "calibrate", "check"):
        output = printed(command, str(file))
        assert output
        assert OBEYED.search(output) is None, output


def test_a_file_name_that_is_no_utf_8_is_printed(tmp_path: Path) -> None:
    file = tmp_path / "bad\udcff.yaml"
    file.write_text("name: 1\nextends: calm\n")
    assert r"bad\udcff.yaml" in printed("check", str(file))


def test_tables_keep_their_colors_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(HOSTILE, "x"), ("\x1b[32mgreen", "y")]
    text = "\n".join((*lines.in_columns(rows), lines.in_color("held", "held"), lines.shortened(f"a {HOSTILE}", 0)))
    assert OBEYED.sub("", text).count("[32m") == 2
    assert re.findall(r"\x1b\[\d+m", text) == ["\x1b[32m", "\x1b[0m"]
    lines.print_lines([f"{HOSTILE}a"])
    assert OBEYED.sub("", capsys.readouterr().out).startswith("\\u001b]0;pwn")
