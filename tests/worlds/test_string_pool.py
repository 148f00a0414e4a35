"""Equal texts are held once, and not for ever."""

from gpu_sim.worlds.string_pool import WORDS_MAX, Words


def test_equal_texts_become_one() -> None:
    words = Words()
    first, second = "".join(["vast", "-ai"]), "".join(["vast", "-ai"])
    assert first is not second
    assert words.once(first) is words.once(second) is first


def test_they_are_bounded() -> None:
    words = Words()
    for number in range(3 * WORDS_MAX):
        assert words.once(str(number)) == str(number)
        assert len(words._known) <= WORDS_MAX
