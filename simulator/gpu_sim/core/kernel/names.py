"""Names of accounts, offers and rentals, the ids derived from them, and hints for misspelt ones."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from hashlib import blake2b
from itertools import islice

NAME_PATTERN = r"[A-Za-z0-9_-]{1,64}"
"""Names of accounts and worlds."""

_is_token = re.compile(r"[\x21-\x7e]{1,256}").fullmatch
_is_name = re.compile(NAME_PATTERN, re.ASCII).fullmatch

_COMPARED_LENGTH_MAX = 64
_COMPARED_NAMES_MAX = 200
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_BASE32_PAIRS = tuple(first + second for first in _BASE32 for second in _BASE32)


def is_name(text: str) -> bool:
    """True if `text` may name an account or a world."""
    return _is_name(text) is not None


def is_token(text: str) -> bool:
    """True if `text` may be a bearer token: 1 to 256 visible ASCII characters."""
    return _is_token(text) is not None


def is_line(text: str) -> bool:
    """True if `text` is one line of 1 to 256 printable characters."""
    return 1 <= len(text) <= 256 and text.isprintable()


def offer_name(provider_id: str, gpu_model: str, region: str) -> str:
    """The name of an offer; its three parts never contain the separator."""
    return f"{provider_id}|{gpu_model}|{region}"


def rental_name(account: str, offer: str, ordinal: int) -> str:
    """The name of a rental, which its luck and id derive from: `ordinal` counts the account's rentals of the offer."""
    # Counted for each account and offer alone, so that the luck of a rental does not depend on what others rent.
    return f"{account}|{offer}|{ordinal}"


def rental_id(seed: int, name: str) -> str:
    """`rent_` and 20 lower-case base32 characters, the same for the same seed and name (A22)."""
    digest = blake2b(f"{seed}\0id/{name}".encode(), digest_size=13).digest()
    bits = int.from_bytes(digest, "big") >> 4  # 104 bits are 4 more than 20 characters of 5
    return "rent_" + "".join([_BASE32_PAIRS[bits >> shift & 1023] for shift in range(90, -1, -10)])


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, whatever its case, or None where none is near. Nothing is near to a name of more
    than 64 characters, and of the known names the first 200 count: a comparison takes long."""
    if len(name) > _COMPARED_LENGTH_MAX:
        return None
    spelling = {candidate.casefold(): candidate for candidate in islice(known, _COMPARED_NAMES_MAX)}
    close = get_close_matches(name.casefold(), spelling, n=1, cutoff=0.5)
    return spelling[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A clause for the end of an error message: `; did you mean "H100"?`, or nothing."""
    close = nearest(name, known)
    return f'; did you mean "{close}"?' if close is not None else ""
