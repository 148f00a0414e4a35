"""Random requests over all routes, in process: `python tests/benchmarks/fuzz.py --requests 50000`.

None may give a 5xx that was not asked for, fail, hang or show a token that does not belong there; memory must not grow.
It takes some minutes. A failure prints the request and the `--seed` that leads to it again.
"""

import argparse
import asyncio
import gc
import os
import sys
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2]))  # the tests are no part of what is installed

from tests.support.asgi import Answer
from tests.support.fuzzing import REQUESTS, Request, check_secrets, check_shape, fuzzed_api, routes, send

REQUESTS_PER_EXAMPLE = 20
EXAMPLES_PER_ROUND = 100
WARM_UP_SHARE = 5
ANSWER_SECONDS_MAX = 20
GROWTH_MB_MAX = 16.0


class Fuzz:
    """One server under random requests, and what came of them."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.api = fuzzed_api(runner)
        self.sent = 0
        self.statuses: Counter[int] = Counter()
        self.cut = 0

    def round(self, number: int) -> None:
        """Some thousand requests that follow from a number."""

        @seed(number)
        @settings(
            max_examples=EXAMPLES_PER_ROUND,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(st.lists(REQUESTS, min_size=REQUESTS_PER_EXAMPLE // 2, max_size=REQUESTS_PER_EXAMPLE))
        def example(requests: list[Request]) -> None:
            self._start_over()
            for request in requests:
                self._send(request)
            self.api.world.simulation.ledger.audit()

        example()

    def _start_over(self) -> None:
        """Every example begins with one world, Alice and one of her rentals."""
        for name in list(self.api.worlds.by_name):
            if name != self.api.world.name:
                self.api.call("DELETE", f"/_sim/worlds/{name}")
        self.api.runner.run(self.api.worlds.reset(self.api.world))
        self.api.rent()

    def _send(self, request: Request) -> None:
        async def bounded() -> Answer | None:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                return await send(self.api, request)

        self.sent += 1
        answer = self.api.runner.run(bounded())
        if answer is None:
            self.cut += 1
            return
        self.statuses[answer.status] += 1
        check_shape(request.path_read, answer)
        check_secrets(request, answer, {token for token in self.api.worlds.keyring.tokens if token.startswith("si_")})


def resident_mb() -> float:
    """Resident memory of this process, in MB, once garbage is gone."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    arguments = parser.parse_args()
    began, warm = time.monotonic(), 0.0
    with asyncio.Runner() as runner:
        fuzz, number = Fuzz(runner), arguments.seed
        while fuzz.sent < arguments.requests:
            try:
                fuzz.round(number)
            except BaseException:
                print(f"round {number} failed: --seed {number}", file=sys.stderr)
                raise
            number += 1
            if not warm and fuzz.sent * WARM_UP_SHARE >= arguments.requests:
                warm = resident_mb()
        after = resident_mb()
    print(f"{fuzz.sent:,} requests in {time.monotonic() - began:.0f} s, {len(routes())} operations, {fuzz.cut} cut off")
    print("answers: " + ", ".join(f"{status} × {number:,}" for status, number in sorted(fuzz.statuses.items())))
    print(f"resident: {warm:.1f} MB after a fifth of them, {after:.1f} MB at the end")
    if after - warm > GROWTH_MB_MAX:
        raise SystemExit("memory grows")


if __name__ == "__main__":
    main()
