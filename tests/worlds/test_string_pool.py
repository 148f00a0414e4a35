"""Equal texts are held once, and not for ever."""

from gpu_sim.worlds.string_pool import STRINGS_MAX, StringPool


def test_equal_texts_become_one() -> None:
    pool = StringPool()
    first, second = "".join(["vast", "-ai"]), "".join(["vast", "-ai"])
    assert first is not second
    assert pool.shared(first) is pool.shared(second) is first


def test_they_are_bounded() -> None:
    pool = StringPool()
    for number in range(3 * STRINGS_MAX):
        assert pool.shared(str(number)) == str(number)
        assert len(pool._known) <= STRINGS_MAX
