"""Kill a server with a state file again and again under parallel load, and hold it to what it acknowledged:
`python -m tests.commands.kills --kills 200`.

Every rent has a model id of its own and every credit an amount of its own, so that each can be counted: what was
acknowledged is there exactly once, what was not is there once or not at all.
"""

import argparse
import http.client
import json
import random
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ..support.processes import GPU_SIM, ROOT, environment

ACCOUNTS = ("alice", "bob", "carol", "dave")
CREDIT_MICROS = 1_000_000
START_SECONDS_MAX = 30.0
SCENARIO = """
name: kills
clock: {mode: scaled, speed: 60}
accounts:
  - {name: alice, token: si_alice, balance: "1000000.00"}
  - {name: bob, token: si_bob, balance: "1000000.00"}
  - {name: carol, token: si_carol, balance: "1000000.00"}
  - {name: dave, token: si_dave, balance: "1000000.00"}
market:
  interruptions: {mode: poisson, reclaim: 1m}
  provisioning:
    all: {delay: {uniform: {min: 1s, max: 2m}}, failure: 10%}
  offers:
    - {provider_id: p, provider_class: marketplace, gpu_model: G, vram_gb: 24, region: R, spot_price: "0.287",
       on_demand_price: "0.400", interruption_probability: 30%, capacity: 1000000}
"""


class Lost(Exception):
    """The server went away before it answered."""


class Client:
    """One account's connection to the server."""

    def __init__(self, account: str, port: int) -> None:
        self.account = account
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The decoded answer, which must be a success. Raises Lost."""
        sent = {"authorization": f"Bearer si_{self.account}", "content-type": "application/json", **headers}
        try:
            self._connection.request(method, path, None if body is None else json.dumps(body), sent)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise Lost from None
        assert answer.status < 300, (method, path, answer.status, content)
        return json.loads(content)


class AccountRecord:
    """The requests of one account, and which of them were acknowledged. Only its own thread writes here."""

    def __init__(self, account: str, number: int) -> None:
        self.account = account
        self._next = number
        self.rents: dict[str, str | None] = {}
        """Rental ids by model id, None where the answer was lost."""
        self.deletes: dict[str, str | None] = {}
        """The bill by rental id, None where the answer was lost."""
        self.credits: dict[int, bool] = {}
        """True by amount in micro-dollars once that credit was acknowledged."""
        self.retried = 0

    def number(self) -> int:
        """A number that nobody else has."""
        self._next += len(ACCOUNTS)
        return self._next

    def act(self, client: Client, luck: random.Random) -> None:
        """One request, whatever may become of it."""
        unsure = [model for model, id_ in self.rents.items() if id_ is None]
        live = [id_ for id_ in self.rents.values() if id_ is not None and id_ not in self.deletes]
        kind = luck.random()
        if unsure and kind < 0.3:
            self.retried += 1
            self.rent(client, luck.choice(unsure))
        elif kind < 0.55:
            model = f"model-{self.number()}"
            self.rents[model] = None
            self.rent(client, model)
        elif live and kind < 0.8:
            id_ = luck.choice(live)
            self.deletes[id_] = None
            self.deletes[id_] = client.call("DELETE", f"/v1/gpu/rentals/{id_}")["billed_amount"]
        else:
            micros = CREDIT_MICROS + self.number()
            self.credits[micros] = False
            client.call("POST", f"/_sim/accounts/{self.account}/credit", {"amount": usd(micros)})
            self.credits[micros] = True

    def rent(self, client: Client, model: str) -> None:
        """Rent, with the model's name as the idempotency key."""
        body = {"gpu_model": "G", "provider_id": "p", "region": "R", "model_id": model, "docker_image": "d"}
        self.rents[model] = client.call("POST", "/v1/gpu/rent", body, **{"Idempotency-Key": model})["rental_id"]


def usd(micros: int) -> str:
    """An amount with six decimals."""
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def micros(amount: str) -> int:
    """The inverse of `usd`."""
    sign, digits = (-1, amount[1:]) if amount.startswith("-") else (1, amount)
    dollars, cents = digits.split(".")
    return sign * (int(dollars) * 1_000_000 + int(cents))


def check(records: list[AccountRecord], client: Client) -> None:
    """Hold the server to what it acknowledged, while its clock stands still. Raises AssertionError."""
    client.call("PUT", "/_sim/clock", {"mode": "manual"})
    everything = "?limit=100000000"
    rentals = client.call("GET", f"/_sim/rentals{everything}")["data"]
    entries = client.call("GET", f"/_sim/ledger{everything}")["data"]
    accounts = {a["name"]: a for a in client.call("GET", "/_sim/accounts")["data"]}
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    assert all(sum(micros(p["amount"]) for p in entry["postings"]) == 0 for entry in entries)
    folded: Counter[str] = Counter()
    for entry in entries:
        for posting in entry["postings"]:
            folded[posting["account"]] += micros(posting["amount"])
    settled = Counter(entry["rental_id"] for entry in entries if entry["kind"] == "rental_settled")
    credited = Counter(micros(e["postings"][1]["amount"]) for e in entries if e["kind"] == "credit_added")
    found = {rental["rental_id"]: rental for rental in rentals}
    assert len(found) == len(rentals)
    models = Counter(rental["model_id"] for rental in rentals)
    for record in records:
        shown = accounts[record.account]
        assert micros(shown["available"]) == folded[f"{record.account}/available"]
        assert micros(shown["held"]) == folded[f"{record.account}/held"]
        for model, id_ in record.rents.items():
            assert models[model] == 1 if id_ is not None else models[model] <= 1, (model, id_, models[model])
            assert id_ is None or found[id_]["model_id"] == model
        for id_, bill in record.deletes.items():
            if bill is not None:
                assert (found[id_]["status"], found[id_]["billed_amount"]) == ("terminated", bill), found[id_]
                assert settled[id_] == 1, id_
        for amount, acknowledged in record.credits.items():
            assert credited[amount] == 1 if acknowledged else credited[amount] <= 1, (amount, acknowledged)
    assert max(settled.values(), default=0) <= 1
    client.close()  # all of this may have taken longer than a server waits for the next request on a connection
    client.call("PUT", "/_sim/clock", {"mode": "scaled", "speed": 60})


class Server:
    """`gpu-sim serve` with the state file, started again after each kill."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._scenario = folder / "kills.yaml"
        self._scenario.write_text(SCENARIO)
        self._ready = folder / "ready.json"

    def start(self) -> subprocess.Popen[bytes]:
        """A process that may not be ready yet."""
        self._ready.unlink(missing_ok=True)
        command = [*GPU_SIM, "serve", "--scenario", str(self._scenario), "--state", str(self._folder / "state.db")]
        command += ["--port", "0", "--ready-file", str(self._ready)]
        return subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL)

    def port(self, process: subprocess.Popen[bytes]) -> int:
        """Where it listens, once it is ready."""
        until = time.monotonic() + START_SECONDS_MAX
        while not self._ready.exists():
            assert process.poll() is None, f"the server ended by itself with {process.returncode}"
            assert time.monotonic() < until, "the server is not ready"
            time.sleep(0.002)
        url: str = json.loads(self._ready.read_text())["url"]
        return int(url.rsplit(":", 1)[1])


@contextmanager
def under_load(records: list[AccountRecord], port: int, luck: random.Random) -> Iterator[None]:
    """A thread for each account that does one thing after another until the server goes away or the block ends."""
    stopping = threading.Event()
    broken: list[BaseException] = []

    def work(record: AccountRecord, own: random.Random) -> None:
        client = Client(record.account, port)
        try:
            while not stopping.is_set():
                record.act(client, own)
        except Lost:
            return
        except BaseException as error:  # noqa: BLE001  # told to the main thread, which raises it
            broken.append(error)
        finally:
            client.close()

    threads = [threading.Thread(target=work, args=(record, random.Random(luck.random()))) for record in records]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    if broken:
        raise broken[0]


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL, and wait for the end."""
    process.send_signal(signal.SIGKILL)
    process.wait()


def run(kills: int, folder: Path, seed: int, *, load_seconds: float = 0.15) -> dict[str, int]:
    """So many kills, one in eight of them while the server starts; then one more start. What was counted."""
    luck = random.Random(seed)
    server = Server(folder)
    records = [AccountRecord(account, number) for number, account in enumerate(ACCOUNTS)]
    starting = 0
    for _ in range(kills):
        process = server.start()
        try:
            if luck.random() < 0.125:
                starting += 1
                time.sleep(luck.random() * 0.4)
                continue
            port = server.port(process)
            with closing(Client(ACCOUNTS[0], port)) as client:
                check(records, client)
            with under_load(records, port, luck):
                time.sleep(luck.random() * load_seconds)
                kill(process)
        finally:
            kill(process)
    process = server.start()
    try:
        with closing(Client(ACCOUNTS[0], server.port(process))) as client:
            check(records, client)
    finally:
        kill(process)
    return {
        "kills": kills,
        "of them while it started": starting,
        "rents acknowledged": sum(id_ is not None for record in records for id_ in record.rents.values()),
        "rents unsure in the end": sum(id_ is None for record in records for id_ in record.rents.values()),
        "rents retried with their key": sum(record.retried for record in records),
        "deletes acknowledged": sum(bill is not None for record in records for bill in record.deletes.values()),
        "credits acknowledged": sum(sum(record.credits.values()) for record in records),
        "credits unsure": sum(not known for record in records for known in record.credits.values()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        counted = run(arguments.kills, Path(name), arguments.seed)
        size = (Path(name) / "state.db").stat().st_size
    for what, number in counted.items():
        print(f"{what}: {number:,}")
    print(f"state file: {size:,} bytes")


if __name__ == "__main__":
    main()
