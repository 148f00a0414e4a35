"""Clients with a pool that look every few seconds, and how many of their requests end in a reset connection.

`python -m tests.benchmarks.polling` tries requests, httpx, aiohttp and undici (Node's `fetch`; needs `node`) side by
side, each with many clients of a pool of their own, against a server of its own.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import httpx
import requests

from ..support.processes import serving

HEADERS = {"authorization": "Bearer si_test_alice"}
UNDICI = """
const [url, clients, polls, pause] = process.argv.slice(1).map((text, i) => i ? Number(text) : text);
const counts = {}, sleep = seconds => new Promise(done => setTimeout(done, 1000 * seconds));
const client = async number => {
  await sleep(pause * number / clients);
  for (let i = 0; i < polls; i++) {
    let seen;
    try {
      const answer = await fetch(url, {headers: {authorization: "Bearer si_test_alice"}});
      await answer.text();
      seen = String(answer.status);
    } catch (error) { seen = `${error} (${error.cause?.code ?? error.cause})`; }
    counts[seen] = (counts[seen] ?? 0) + 1;
    await sleep(pause);
  }
};
Promise.all([...Array(clients).keys()].map(client)).then(() => console.log(JSON.stringify(counts)));
"""


class Load:
    """What each library's clients do: so many of them, so many looks each, a pause in seconds after each look."""

    def __init__(self, url: str, clients: int, polls: int, pause: float) -> None:
        self.url = url
        self.clients = clients
        self.polls = polls
        self.pause = pause

    def start_of(self, number: int) -> float:
        """When a client begins, in seconds: they are spread over a pause."""
        return self.pause * number / self.clients


def with_requests(load: Load) -> Counter[str]:
    """Poll with a `requests.Session` in a thread for each client."""
    counts: Counter[str] = Counter()
    turn = threading.Lock()

    def poll(number: int) -> None:
        time.sleep(load.start_of(number))
        with requests.Session() as session:
            for _ in range(load.polls):
                try:
                    seen = str(session.get(load.url, headers=HEADERS, timeout=30).status_code)
                except requests.RequestException as error:
                    seen = repr(error)
                with turn:
                    counts[seen] += 1
                time.sleep(load.pause)

    with ThreadPoolExecutor(load.clients) as pool:
        list(pool.map(poll, range(load.clients)))
    return counts


def with_httpx(load: Load) -> Counter[str]:
    """Poll with an `httpx.AsyncClient` for each client."""
    counts: Counter[str] = Counter()

    async def poll(number: int) -> None:
        await asyncio.sleep(load.start_of(number))
        # The default of `keepalive_expiry` is 5 s, the pause itself: every second look or so would dial anew.
        limits = httpx.Limits(keepalive_expiry=None)
        async with httpx.AsyncClient(verify=False, timeout=30, limits=limits) as client:
            for _ in range(load.polls):
                try:
                    seen = str((await client.get(load.url, headers=HEADERS)).status_code)
                except httpx.HTTPError as error:
                    seen = repr(error)
                counts[seen] += 1
                await asyncio.sleep(load.pause)

    return _side_by_side(poll, load, counts)


def with_aiohttp(load: Load) -> Counter[str]:
    """Poll with an `aiohttp.ClientSession` for each client."""
    counts: Counter[str] = Counter()

    async def poll(number: int) -> None:
        await asyncio.sleep(load.start_of(number))
        async with aiohttp.ClientSession(headers=HEADERS) as session:
            for _ in range(load.polls):
                try:
                    async with session.get(load.url) as answer:
                        await answer.read()
                        seen = str(answer.status)
                except aiohttp.ClientError as error:
                    seen = repr(error)
                counts[seen] += 1
                await asyncio.sleep(load.pause)

    return _side_by_side(poll, load, counts)


def _side_by_side(poll: Callable[[int], Coroutine[None, None, None]], load: Load, counts: Counter[str]) -> Counter[str]:
    async def all_clients() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(load.clients):
                group.create_task(poll(number))

    asyncio.run(all_clients())
    return counts


def with_undici(load: Load) -> Counter[str]:
    """Poll with Node's `fetch`; its clients share one pool, as all of a Node process do."""
    given = [load.url, str(load.clients), str(load.polls), str(load.pause)]
    ended = subprocess.run(["node", "-e", UNDICI, *given], check=True, capture_output=True, text=True)
    return Counter(json.loads(ended.stdout))


LIBRARIES = {"requests": with_requests, "httpx": with_httpx, "aiohttp": with_aiohttp, "undici": with_undici}


def poll_with_all(url: str, given: argparse.Namespace) -> None:
    """Run each library's clients in a process of their own, and print what they met."""
    amounts = [f"--clients={given.clients}", f"--polls={given.polls}", f"--pause={given.pause}"]
    names = given.library or list(LIBRARIES)
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.polling", f"--url={url}", f"--library={name}", *amounts],
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for name, process in zip(names, running, strict=True):
        out, _ = process.communicate()
        print(f"{name}: {out.strip()}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", choices=[*LIBRARIES], action="append", help="only this one; may be repeated")
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--polls", type=int, default=20)
    parser.add_argument("--pause", type=float, default=5.0, help="seconds after each look")
    parser.add_argument("--keep-alive", type=int, default=75, help="that of the server")
    parser.add_argument("--url", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.url is not None:
        counts = LIBRARIES[given.library[0]](Load(given.url, given.clients, given.polls, given.pause))
        print(f"{counts.total()} requests: {dict(counts)}")
        return
    with tempfile.TemporaryDirectory() as folder:
        options = ("--scenario", "calm", "--keep-alive", str(given.keep_alive))
        with serving(Path(folder) / "ready.json", *options) as server:
            poll_with_all(f"{server.url}/v1/gpu/offers", given)


if __name__ == "__main__":
    main()
