"""Requests in flight in words."""

import pytest
from gpu_sim.request_record import still_being_answered


@pytest.mark.parametrize(
    ("operations", "says"),
    [
        (["rent_gpu"], "1 rent is still being answered"),
        (["rent_gpu", "rent_gpu"], "2 rents are still being answered"),
        ([None, "rent_gpu"], "1 rent and 1 request are still being answered"),
        (
            ["list_offers", "get_rental", "get_rental", "terminate_rental"],
            "1 DELETE of a rental, 2 GETs of rentals and 1 list of offers are still being answered",
        ),
    ],
)
def test_requests_in_flight_are_counted_by_operation(operations: list[str | None], says: str) -> None:
    assert still_being_answered(operations) == says
