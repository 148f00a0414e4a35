"""The cost of the fixture `gpu_sim` per test: `python tests/benchmarks/plugin.py`.

Two files of the same number of tests, one with the fixture and one without, each in a pytest of its own, several times
in turn. What one test costs beyond an empty one is the difference of the medians; the start of the server, which a
session pays once, is measured with a single test.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT_MS = 5.0

EMPTY = "import pytest\n\n@pytest.mark.parametrize('number', range({count}))\ndef test_it(number):\n    pass\n"
FIXTURE = EMPTY.replace("(number)", "(number, gpu_sim)")


def seconds(folder: Path, text: str) -> float:
    """The time that pytest takes for a file of this text."""
    file = folder / "test_it.py"
    file.write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    began = time.perf_counter()
    subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    took: dict[str, list[float]] = {"empty": [], "one": [], "fixture": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text("[pytest]\n")
        for _ in range(arguments.rounds):
            took["empty"].append(seconds(folder, EMPTY.format(count=arguments.tests)))
            took["one"].append(seconds(folder, FIXTURE.format(count=1)))
            took["fixture"].append(seconds(folder, FIXTURE.format(count=arguments.tests)))
            took.setdefault("nothing", []).append(seconds(folder, EMPTY.format(count=1)))
    medians = {what: statistics.median(times) * 1e3 for what, times in took.items()}
    start = medians["one"] - medians["nothing"]
    each = (medians["fixture"] - medians["empty"] - start) / (arguments.tests - 1)
    print(f"a session with the fixture: {start:.0f} ms once (the server, and one world)")
    print(f"each further test: {each:.2f} ms more than an empty one (limit {LIMIT_MS:.0f} ms), {arguments.tests} tests")


if __name__ == "__main__":
    main()
