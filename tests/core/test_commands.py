"""Commands as the journal writes them."""

import msgspec
import pytest
from gpu_sim.core.commands import (
    AddCredit,
    Command,
    CreateAccount,
    HideRental,
    InterruptRental,
    MoveRental,
    PlayAct,
    RentGpu,
    TerminateRental,
    TouchRental,
)
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.acts import InterruptAct, ProvisioningAct, VanishAct

COMMANDS: list[tuple[Command, str]] = [
    (RentGpu("alice", "gcp", "H100", "us", 2, "m", "i:latest", fine_tuned=True, ssh=True), "rent_gpu"),
    (TerminateRental("alice", "rent_x"), "terminate_rental"),
    (TouchRental("rent_x"), "touch_rental"),
    (InterruptRental("rent_x"), "interrupt_rental"),
    (InterruptRental("rent_x", withdraw=True), "interrupt_rental"),
    (MoveRental(rental_id="rent_x", to="running", hold=True), "move_rental"),
    (MoveRental(rental_id="rent_x", to="terminated", hold=False), "move_rental"),
    (HideRental("rent_x", hidden=False), "hide_rental"),
    (PlayAct(provisioning=ProvisioningAct(outcome="stuck")), "play_act"),
    (PlayAct(vanish=VanishAct(provider="gcp")), "play_act"),
    (CreateAccount("bob", 0), "create_account"),
    (AddCredit("bob", 1), "add_credit"),
]


@pytest.mark.parametrize(("command", "tag"), COMMANDS)
def test_a_command_is_written_with_its_name_and_read_back(command: Command, tag: str) -> None:
    written = msgspec.json.encode(command)
    assert msgspec.json.decode(written)["command"] == tag
    assert msgspec.json.decode(written, type=Command) == command


def test_f9_a_command_says_that_there_is_a_key_but_holds_none() -> None:
    assert "ssh_key" not in RentGpu.__struct_fields__
    assert RentGpu("a", "p", "g", "r", 1, "m", "i").ssh is False


def test_a_called_act_is_exactly_one() -> None:
    assert PlayAct(interrupt=InterruptAct()).act == InterruptAct()
    with pytest.raises(ValueError, match="give exactly one of outage, price, capacity"):
        PlayAct(interrupt=InterruptAct(), vanish=VanishAct())
    with pytest.raises(ValueError, match="exactly one"):
        PlayAct()


def test_an_interruption_is_written_with_its_notice_only_where_that_was_asked_for() -> None:
    plain = msgspec.json.encode(InterruptRental("rent_x"))
    assert plain == b'{"command":"interrupt_rental","rental_id":"rent_x"}'
    noticed = msgspec.json.encode(InterruptRental("rent_x", notice=Duration(120_000)), enc_hook=int)
    assert noticed == b'{"command":"interrupt_rental","rental_id":"rent_x","notice":120000}'
