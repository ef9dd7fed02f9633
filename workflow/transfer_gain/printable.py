"""Text from outside, printed so that it can forge no line and steer no terminal."""

import re
from typing import Any

LONGEST = 200  # characters that an error shows of what was found

# Control characters, line and paragraph separators, marks that reorder text, lone surrogates.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: object) -> str:
    r"""Return a text on one line that is safe for any terminal and UTF-8 file.

    A byte of a file's name that is not UTF-8 is shown as that byte.

    >>> printable("käse\n\x1b[2J\udcff")
    'käse\\n\\x1b[2J\\xff'
    """
    return _UNPRINTABLE.sub(lambda match: _escape(match[0]), str(text))


def printable_lines(text: str) -> str:
    """Return a text with `printable` lines."""
    return "\n".join(map(printable, text.split("\n")))


def shorten(text: str) -> str:
    """Return the start of a text, of at most `LONGEST` characters and an ellipsis."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def shown(value: Any) -> str:
    """Return a value as an error shows it: as Python writes it, shortened."""
    try:
        return shorten(repr(value))
    except ValueError:  # Python refuses to print integers of thousands of digits
        return "a huge number"


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python holds a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()
