"""Equal texts are held once, and not for ever."""

from gpu_sim.worlds.string_pool import STRINGS_MAX, StringPool


def test_equal_texts_become_one() -> None:
    words = StringPool()
    first, second = "".join(["vast", "-ai"]), "".join(["vast", "-ai"])
    assert first is not second
    assert words.shared(first) is words.shared(second) is first


def test_they_are_bounded() -> None:
    words = StringPool()
    for number in range(3 * STRINGS_MAX):
        assert words.shared(str(number)) == str(number)
        assert len(words._known) <= STRINGS_MAX
