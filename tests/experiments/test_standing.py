"""What keeps an offer from being rented, one reason upon another."""

from itertools import product

from simulator.core.acts import CapacityAct, OutageAct
from simulator.experiments.standing import Standing


def test_an_offer_is_up_where_nothing_keeps_it_from_being_rented() -> None:
    for is_down, is_away, is_out, stock in product((False, True), (False, True), (False, True), (0, 1)):
        standing = Standing(stock, is_down=is_down)
        standing.is_away = is_away
        if is_out:
            standing.begin(3, OutageAct())
        assert standing.is_up == (not is_down and not is_away and not is_out and stock == 1)


def test_of_the_acts_that_last_the_one_that_began_last_says_how_many_gpus_there_are() -> None:
    standing = Standing(8, is_down=False)
    standing.begin(4, CapacityAct(set=0))
    standing.begin(2, CapacityAct(set=5))
    assert (standing.capacity, standing.is_up) == (5, True)
    standing.end(2)
    assert (standing.capacity, standing.is_up) == (0, False)
    standing.end(4)
    assert (standing.capacity, standing.is_up) == (8, True)


def test_outages_over_each_other_last_as_long_as_one_of_them() -> None:
    standing = Standing(1, is_down=False)
    standing.begin(1, OutageAct())
    standing.begin(2, OutageAct())
    standing.end(1)
    assert not standing.is_up
    standing.end(2)
    assert standing.is_up
