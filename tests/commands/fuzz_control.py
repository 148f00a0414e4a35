"""Schemathesis requests from the control plane's document alone: `python -m tests.commands.fuzz_control --cases 10000`.

It needs the extra `fuzz`. A server of its own serves the contract's scenario; rounds with another seed each go on until
there were so many cases. Every call is made, those too that take something away, but those of the paths in `LEFT_OUT`.
Each round begins with the world as it was at its start and no other, and every request has a token of `default`, so
that none meets a world that another made. What no schema can say is put into the document that is used: the name of
that world, clocks that go a day at the most, as one at the calendar's end leaves nothing to try, and waits of a
millisecond. A snapshot is that of the document's example, or is refused. Besides Schemathesis' own checks the code of
each refusal must be among those of its call and status. Exit code 0 means that nothing failed, 1 that something did, 2
that it could not be tried.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx

from ..support import loopback
from ..support.processes import ROOT, Serving, environment, serving
from .fuzz_contract import CONTRACT, ROUND_SECONDS_MAX, ROUNDS_MAX, Tally

CONFIGURATION = ROOT / "tests" / "commands" / "fuzz_control.toml"
DURATIONS = ["0s", "1ms", "90s", "1h", "1d"]
NAMES = ["kept", "alice"]
"""Names that there are: of an act and a fault rule, and of an account."""
WORK = {"model_id": "m", "docker_image": "i"}
RENTALS = 3
WAITS = ["0s", "1ms"]
QUERIES = {"world": ["default"], "wait": WAITS}
LEFT_OUT = {"/_sim/server/refuse": "whoever is refused a connection cannot tell that from a server that fell over"}
"""Paths that are not tried here, and why. Tests in process try them with bodies from the same document."""
CHECKS = "tests.commands.fuzz_control_checks"
SCENARIOS = ["calm", "bad-week", "nine-zones"]
Node = dict[str, Any]


def with_bounds(document: Node, rentals: list[str]) -> Node:
    """The document with what no schema says, and the ids of rentals that there are; the one given is changed."""
    schemas = document["components"]["schemas"]
    for path in LEFT_OUT:
        del document["paths"][path]
    for path, item in document["paths"].items():
        for operation in item.values():
            for parameter in operation["parameters"]:
                names = QUERIES | {"rental_id": [*rentals, "rent_x"]} if "{rental_id}" in path else QUERIES
                if parameter["name"] in names:
                    parameter["schema"] = {"type": "string", "enum": names[parameter["name"]]}
                elif parameter["in"] == "path":
                    parameter["schema"] = {"type": "string", "enum": [*NAMES, parameter["example"]]}
    duration = {"enum": [*DURATIONS, None]}
    for field in ("by", "limit"):
        schemas["Advance"]["properties"][field] = duration
    schemas["Advance"]["properties"]["to"] = {"enum": ["2026-01-02T00:00:00Z", None]}
    for name in ("PutClock", "ClockSettings"):
        schemas[name]["properties"] |= {"speed": {"enum": [0.5, 1, 60, None]}, "step": duration}
    for field in ("wait", "within"):
        schemas["Verify"]["properties"][field] = {"type": "string", "enum": WAITS}
    schemas["NewWorld"]["properties"]["scenario"] = {"enum": [*SCENARIOS, None]}
    return document


def fuzz(cases: int, seed: int, examples: int | None = None) -> Tally:
    """Rounds of requests against one server until there were so many cases or something failed."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = ["--scenario", str(CONTRACT / "scenario.yaml"), "--clock", "manual"]
        with (
            serving(folder / "ready.json", *options) as server,
            loopback.Client(base_url=server.url, timeout=60) as client,
        ):
            while tally.cases < cases and not tally.failures and tally.rounds < ROUNDS_MAX:
                rentals = _start_over(client, str(server.ready["token"]))
                answer = client.get("/_sim/openapi.json?world=default").raise_for_status()
                document = with_bounds(answer.json(), rentals)
                (folder / "openapi.json").write_text(json.dumps(document))
                tally.add(_round(folder, server, seed + tally.rounds, examples), Counter())
                client.get("/_sim/health").raise_for_status()
    return tally


def _start_over(client: httpx.Client, token: str) -> list[str]:
    """One world, as it was at its start, with a few rentals, an act and a fault rule; the ids of the rentals."""
    while others := [
        world["name"]
        for world in client.get("/_sim/worlds", params={"limit": 1000}).raise_for_status().json()["data"]
        if world["name"] != "default"
    ]:
        for name in others:
            client.delete(f"/_sim/worlds/{name}").raise_for_status()
    snapshot = client.get("/_sim/openapi.json?world=default").json()["paths"]["/_sim/snapshot"]["put"]["requestBody"]
    example = snapshot["content"]["application/json"]["example"]
    client.put("/_sim/snapshot?world=default", json=example).raise_for_status()
    client.post("/_sim/reset?world=default", json={}).raise_for_status()
    client.post("/_sim/market/price", json={"name": NAMES[0], "multiply": 2}).raise_for_status()
    client.post("/_sim/faults", json={"name": NAMES[0], "effect": {"delay": "1ms"}}).raise_for_status()
    headers = {"authorization": f"Bearer {token}"}
    offers = client.get("/v1/gpu/offers", headers=headers).raise_for_status().json()["data"]
    names = {name: offers[0][name] for name in ("gpu_model", "provider_id", "region")}
    rents = (client.post("/v1/gpu/rent", json=WORK | names, headers=headers) for _ in range(RENTALS))
    return [rent.raise_for_status().json()["rental_id"] for rent in rents]


def _round(folder: Path, server: Serving, seed: int, examples: int | None) -> Node:
    """One run of Schemathesis, whose words go to the terminal; its report."""
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "run"]
    command += [str(folder / "openapi.json"), "--seed", str(seed), "--no-color", "--report-json-path", str(report)]
    command += [] if examples is None else ["--max-examples", str(examples)]
    token = str(server.ready["token"])
    env = environment(GPU_SIM_FUZZ_URL=server.url, GPU_SIM_FUZZ_TOKEN=token, SCHEMATHESIS_HOOKS=CHECKS)
    env["PYTHONPATH"] = str(ROOT)
    subprocess.run(command, check=False, cwd=folder, env=env, timeout=ROUND_SECONDS_MAX)
    if not report.exists():
        raise RuntimeError("Schemathesis gave no report")
    found: Node = json.loads(report.read_text(encoding="utf-8"))
    del found["phases"]["stateful"]  # the configuration says why it is off
    return found


def main() -> int:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="how many cases at least, 10000 by default")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the first round, 1 by default")
    parser.add_argument("--examples", type=int, help="how many examples of an operation at the most")
    options = parser.parse_args()
    if find_spec("schemathesis") is None:
        print("the extra is missing: pip install -e '.[fuzz]'", file=sys.stderr)
        return 2
    tally = fuzz(options.cases, options.seed, options.examples)
    print(tally)
    return 0 if not tally.failures and tally.cases >= options.cases else 1


if __name__ == "__main__":
    sys.exit(main())
