"""The tests of a project with its own repository: one file, with nothing but the plugin."""

import pytest
from gpu_sim.testing import GpuSim

from .client import Renter


@pytest.fixture
def renter(gpu_sim: GpuSim) -> Renter:
    return Renter(gpu_sim.base_url, gpu_sim.token)


def test_a_job_is_run_and_paid_for(gpu_sim: GpuSim, renter: Renter) -> None:
    assert renter.run("RTX 4090", lambda rental: gpu_sim.advance(until={"rental": rental, "status": "running"}))
    assert gpu_sim.report().spent > 0
    assert not gpu_sim.report().problems


def test_a_job_that_fails_leaves_nothing_running(gpu_sim: GpuSim, renter: Renter) -> None:
    def fails(rental_id: str) -> None:
        raise RuntimeError("the model did not load")

    with pytest.raises(RuntimeError, match="did not load"):
        renter.run("RTX 4090", fails)
    assert not gpu_sim.report().left_running


@pytest.mark.gpu_sim(scenario={"name": "no-money", "extends": "calm", "accounts": [{"name": "me", "balance": "0.01"}]})
def test_a_refusal_for_lack_of_credit_is_not_tried_again(gpu_sim: GpuSim, renter: Renter) -> None:
    assert not renter.run("RTX 4090", print)
    assert not gpu_sim.report().rents_retried_after_402
