"""The problems of a scenario's renters and expectations that no single field shows, each with the path of its field."""

from collections.abc import Iterator, Sequence

from ...kernel.names import did_you_mean, is_name
from ...kernel.quantities import Duration
from ..catalog import OfferSpec
from ..offer_names import OfferNames, Path
from .expectation import During, Expect, comparisons
from .renters import RenterSpec


def renter_problems(
    renters: Sequence[RenterSpec], accounts: Sequence[str], offers: tuple[OfferSpec, ...], names: OfferNames
) -> Iterator[tuple[Path, str]]:
    """Accounts that cannot be named as their renters are, and offers that nobody has. `accounts` are the scenario's."""
    taken = dict.fromkeys(accounts)
    for index, renter in enumerate(renters):
        where: Path = ("renters", index)
        # The longest comes last: where that is a name, all of them are.
        if not is_name(renter.accounts[-1]):
            yield (*where, "name"), f'"{renter.accounts[-1]}" would be an account of more than 64 characters'
        clash = next((account for account in renter.accounts if account in taken), None)
        if clash is not None:
            yield (*where, "name"), f'the name "{clash}" is taken: a renter has an account of its own'
        taken |= dict.fromkeys(renter.accounts)
        problems = list(names.problems(renter.offers, (*where, "offers")))
        yield from problems
        mine = renter.may_rent(offers)
        if not problems and not mine:
            yield (*where, "min_vram_gb"), f"no offer that it may rent has {renter.min_vram_gb} GB"
        spot = sum(each.spot for each in mine)
        if mine and renter.spread is not None and renter.spread > spot:
            yield (*where, "spread"), f"the spot offers that it may rent are only {spot}"


def expectation_problems(expect: Expect, accounts: Sequence[str], until: Duration | None) -> Iterator[tuple[Path, str]]:
    """Comparisons of accounts that nobody has, or after the end. `accounts` are the scenario's and its renters'."""
    for index, expectation in comparisons(expect):
        when = expectation.when
        if isinstance(when, During) and until is not None and when.between[0] > until:
            yield ("expect", index, "when", "between"), "the run is over by then: `until` comes before"
        if expectation.ledger is not None and expectation.ledger_account not in accounts:
            account = expectation.ledger_account
            yield ("expect", index, "ledger"), f'no account "{account}"{did_you_mean(account, accounts)}'
