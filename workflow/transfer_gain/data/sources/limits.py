"""Limits on what untrusted files may use, and the error for a file that cannot be read."""

from collections.abc import Iterator
from contextlib import contextmanager

from transfer_gain.data.sources.base import SourceError
from transfer_gain.printable import printable

MAX_TOTAL = 16 * 2**30  # bytes of everything in an archive; FERG-DB's bare pixels would fit
MAX_FILE = 256 * 2**20  # bytes of one file; a larger one would be read into memory at once
MAX_DEPTH = 3  # archives inside each other: a zip can be made to contain itself
MAX_ENTRIES = 1_500_000  # files, folders and links; ImageNet has 1.3 million
MAX_NAMES = 2**28  # characters of all their paths
MAX_NAME = 4096  # characters of one path, as Linux has it
MAX_LEVELS = 32  # folders inside each other, the file included
MAX_HEADERS = 2**20  # bytes that a tar may spend on one member beside its content
XZ_MEMORY = 2**28  # bytes; `xz -9` needs a quarter of it


class UnreadableError(SourceError):
    """One file cannot be used.

    Attributes:
        reason: the message without the file's name.
    """

    def __init__(self, name: str, reason: str):
        self.reason = printable(reason)
        super().__init__(f"{printable(name)}: {self.reason}")


class Budget:
    """A limit on the total number of bytes, names or pixels."""

    def __init__(self, limit: int, refusal: str):
        """Start with `limit`; `refusal` is the error message once it is exceeded."""
        self._left = limit
        self._refusal = refusal

    def take(self, amount: int) -> None:
        """Use up part of the budget.

        Raises:
            SourceError: less than `amount` is left.
        """
        self._left -= amount
        if self._left < 0:
            raise SourceError(self._refusal)


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Turn any error in the block into an `UnreadableError` that names the file.

    This is for decoders, which raise many types of exceptions on damaged or hostile bytes.
    """
    try:
        yield
    except SourceError:
        raise
    except Exception as error:
        raise UnreadableError(name, str(error).strip() or type(error).__name__) from error
