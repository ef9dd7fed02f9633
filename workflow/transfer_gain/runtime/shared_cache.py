"""Who may enter the folder of Snakemake's cache between workflows.

Snakemake lets everyone read and write the files that it puts there (mode 0666, whatever the umask),
so only the folder's own permissions protect images and features from other users of the machine.
"""

import contextlib
import os
import stat
from pathlib import Path

LOCATION = "SNAKEMAKE_OUTPUT_CACHE"
# Environment variable that says who may enter the cache: one of `SHARING`.
SHARED_WITH = "TRANSFER_GAIN_CACHE"
PRIVATE, GROUP, EVERYONE = "private", "group", "everyone"
# Permissions of the folder that are refused, by who may enter it.
SHARING = {PRIVATE: stat.S_IRWXG | stat.S_IRWXO, GROUP: stat.S_IRWXO, EVERYONE: 0}


class CacheError(ValueError):
    """The cache is open to more users than it should be; the message says how to close it."""


def prepare() -> None:
    """Create the cache's folder if it is missing, and refuse one that others can enter.

    The environment names the folder; without a name, Snakemake uses no cache.

    Raises:
        CacheError: more users than the environment allows can enter the folder or replace it.
    """
    if LOCATION not in os.environ:
        return
    folder = Path(os.environ[LOCATION])
    shared_with = os.environ.get(SHARED_WITH, PRIVATE)
    if shared_with not in SHARING:
        raise CacheError(f"{SHARED_WITH}: found '{shared_with}', allowed: {', '.join(SHARING)}")
    try:
        _create(folder, 0o777 & ~SHARING[shared_with])
        found, owners = folder.stat(), _owners(folder)
    except OSError as error:
        raise CacheError(
            f"{LOCATION}: found '{folder}' ({error.strerror}), expected a folder of yours, or a "
            "new one in an existing folder"
        ) from error
    if shared_with == EVERYONE:
        return
    if stat.S_IMODE(found.st_mode) & SHARING[shared_with]:
        mode = stat.S_IMODE(found.st_mode)
        raise CacheError(
            f"{LOCATION}: found '{folder}', which other users can enter (mode {mode:o}), expected "
            f"a folder of mode {mode & ~SHARING[shared_with]:o} (chmod), since all who enter can "
            f"read and replace images and features; to share it, set {SHARED_WITH} to "
            f"{GROUP} or {EVERYONE}"
        )
    if shared_with == PRIVATE and owners != {os.geteuid()}:
        raise CacheError(
            f"{LOCATION}: found '{folder}' or a file in it that another user owns, expected a "
            f"folder of yours alone; to share it, set {SHARED_WITH} to {GROUP} or {EVERYONE}"
        )
    for parent in folder.resolve().parents:
        mode = parent.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise CacheError(
                f"{LOCATION}: found '{folder}' in '{parent}', where everyone can replace it, "
                "expected folders above it that only their owners can change (chmod o-w)"
            )


def _create(folder: Path, mode: int) -> None:
    """Create a folder, if it is missing, with a mode that no umask changes."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=mode)
        folder.chmod(mode)


def _owners(folder: Path) -> set[int]:
    """Return the users that own a folder and its entries."""
    owners = {folder.stat().st_uid}
    for entry in os.scandir(folder):
        with contextlib.suppress(FileNotFoundError):  # another run has moved it
            owners.add(entry.stat(follow_symlinks=False).st_uid)
    return owners
