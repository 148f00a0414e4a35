"""A renter without a bug: it deletes what it rented whatever happens, and takes a 402 for an answer."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import requests

Job = Callable[[str], object]


class Renter:
    """Runs jobs on the cheapest GPU of a model."""

    def __init__(self, base_url: str, token: str) -> None:
        self.base_url = base_url
        self.session = requests.Session()
        self.session.headers["authorization"] = f"Bearer {token}"

    def run(self, gpu_model: str, job: Job) -> bool:
        """Run a job, called with the rental's id; False where the credit does not suffice."""
        offer = self.call("GET", "/v1/gpu/offers", params={"gpu_model": gpu_model})["data"][0]
        names = {name: offer[name] for name in ("gpu_model", "provider_id", "region")}
        answer = self.send("POST", "/v1/gpu/rent", json={**names, "model_id": "m", "docker_image": "d"})
        if answer.status_code == 402:
            return False
        answer.raise_for_status()
        rental_id = answer.json()["rental_id"]
        try:
            job(rental_id)
        finally:
            with suppress(requests.ConnectionError):
                self.send("DELETE", f"/v1/gpu/rentals/{rental_id}")
        return True

    def send(self, method: str, path: str, **about: Any) -> requests.Response:
        """One request, whatever it answers."""
        return self.session.request(method, self.base_url + path, timeout=10, **about)

    def call(self, method: str, path: str, **about: Any) -> dict[str, list[dict[str, str]]]:
        """The decoded body of a request that must succeed."""
        answer = self.send(method, path, **about)
        answer.raise_for_status()
        body: dict[str, list[dict[str, str]]] = answer.json()
        return body
