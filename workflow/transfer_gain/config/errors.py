"""The error of a refused config, and renamed keys."""

from collections.abc import Iterable, Mapping
from typing import Any

from transfer_gain.printable import printable

# Old names of keys, each with its new one.
RENAMED = {
    "sizes": "fractions",
    "long_runs.sizes": "long_runs.fractions",
    "report_like": "baseline_2018",
    "report_like.sizes": "baseline_2018.fractions",
    "baseline_2018.sizes": "baseline_2018.fractions",
}


class ConfigError(ValueError):
    """The config is refused; one line names the key, what was found and what is allowed."""

    def __init__(self, message: str):
        super().__init__(printable(message))


def refuse_renamed_keys(config: Mapping[Any, Any]) -> None:
    """Refuse a config that uses the old name of a key.

    Raises:
        ConfigError: it does; the message gives the new names.
    """
    found = [old for old in RENAMED if _has(config, old.split("."))]
    if found:
        new = dict.fromkeys(RENAMED[old] for old in found)
        raise ConfigError(
            f"{found[0]}: found the old name{'s' * (len(found) > 1)} {_listed(found)}, "
            f"allowed: {_listed(new)}"
        )


def _has(config: Any, path: list[str]) -> bool:
    """Tell whether a config has a key, which may be nested."""
    for key in path:
        if not isinstance(config, Mapping) or key not in config:
            return False
        config = config[key]
    return True


def _listed(names: Iterable[str]) -> str:
    """Return names in quotes."""
    return ", ".join(f"'{name}'" for name in names)
