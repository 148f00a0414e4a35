"""A renter with a bug: where the job fails, the rental is never deleted."""

from .sound import Job
from .sound import Renter as Sound


class Renter(Sound):
    """Deletes only after a job that went well."""

    def run(self, gpu_model: str, job: Job) -> bool:
        offer = self.call("GET", "/v1/gpu/offers", params={"gpu_model": gpu_model})["data"][0]
        names = {name: offer[name] for name in ("gpu_model", "provider_id", "region")}
        answer = self.send("POST", "/v1/gpu/rent", json={**names, "model_id": "m", "docker_image": "d"})
        if answer.status_code == 402:
            return False
        answer.raise_for_status()
        rental_id = answer.json()["rental_id"]
        job(rental_id)
        self.send("DELETE", f"/v1/gpu/rentals/{rental_id}")
        return True
