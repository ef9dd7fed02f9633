"""The error of a refused config, and renamed keys."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from transfer_gain.printable import printable

# Old names of keys, each with its new one; `*` stands for any name.
RENAMED = {
    "sizes": "fractions",
    "long_runs.sizes": "long_runs.fractions",
    "report_like": "baseline_2018",
    "report_like.sizes": "baseline_2018.fractions",
    "baseline_2018.sizes": "baseline_2018.fractions",
    "baseline.tuned_up_to": "baseline.max_tuned_fraction",
    "backbones.*.up_to": "backbones.*.max_fraction",
    "transfer_augmented.up_to": "transfer_augmented.max_fraction",
    "linear_probe.up_to": "linear_probe.max_fraction",
    "fine_tuning.up_to": "fine_tuning.max_fraction",
    "fine_tuning.learning_rate": "fine_tuning.learning_rates",
}


class ConfigError(ValueError):
    """The config is refused; one line names the key, what was found and what is allowed."""

    def __init__(self, message: str):
        super().__init__(printable(message))


class MissingKeyError(ConfigError):
    """A required key is missing. It may be in another file, which this config was to change."""


def refuse_renamed_keys(config: Mapping[Any, Any]) -> None:
    """Refuse a config that uses the old name of a key.

    Raises:
        ConfigError: it does; the message gives the new names.
    """
    found = {
        old.replace("*", name): new.replace("*", name)
        for old, new in RENAMED.items()
        for name in _names(config, old.split("."))
    }
    if found:
        raise ConfigError(
            f"{next(iter(found))}: found the old name{'s' * (len(found) > 1)} {_listed(found)}, "
            f"allowed: {_listed(dict.fromkeys(found.values()))}"
        )


def _names(config: Any, path: list[str], name: str = "") -> Iterator[str]:
    """Yield what `*` stands for at each place of a config that a path leads to; "" without `*`."""
    if not path:
        yield name
    elif isinstance(config, Mapping) and path[0] == "*":
        for key, value in config.items():
            yield from _names(value, path[1:], str(key))
    elif isinstance(config, Mapping) and path[0] in config:
        yield from _names(config[path[0]], path[1:], name)


def _listed(names: Iterable[str]) -> str:
    """Return names in quotes."""
    return ", ".join(f"'{name}'" for name in names)
