"""Loads a config as a study; an error is one line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from transfer_gain.config.errors import ConfigError, refuse_renamed_keys
from transfer_gain.config.study import Study
from transfer_gain.printable import shorten

# Limits of a config, each value counted as often as aliases repeat it.
MAX_VALUES = 100_000
MAX_CHARACTERS = 10_000_000
MAX_NESTING = 50


def load(config: Mapping[str, Any]) -> Study:
    """Check a config and return it as a study with every default filled in.

    Args:
        config: the parsed config; it is not changed.

    Raises:
        ConfigError: the first thing wrong, on one line.
    """
    study = _validated(config)
    study.check()
    return study


def complete(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with every default filled in, in canonical form.

    Snakemake reruns jobs whose parameters have changed, so equal settings must be written equally:
    keys are in the order of the models, 10 is 10.0 if any number is allowed, and `./a/` is `a`.
    Each value is checked on its own, not against other values or the file system.

    Args:
        config: the parsed config; it is not changed.

    Raises:
        ConfigError: the first thing wrong, on one line.
    """
    return _validated(config).model_dump(mode="json")


def check_duplicate_keys(path: Path | str) -> None:
    """Refuse a config file with duplicate keys: YAML would silently use the last one.

    Raises:
        ConfigError: there is one; the message names key, file and line.
    """
    with Path(path).open("rb") as file:
        try:
            waiting = [yaml.compose(file, yaml.CSafeLoader)]
        except yaml.YAMLError:  # Snakemake has read the file as JSON
            return
    known = set()  # an alias may lead back to the node that holds it
    while waiting:
        node = waiting.pop()
        if not isinstance(node, yaml.CollectionNode) or node in known:
            continue
        known.add(node)
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
            continue
        keys = set()
        for key, value in node.value:
            name = (key.tag, str(key.value))  # 1 is not "1"
            if name in keys:
                line = key.start_mark.line + 1
                raise ConfigError(
                    f"{shorten(name[1])}: found twice in {path}, line {line}, allowed: once"
                )
            keys.add(name)
            waiting.append(value)


def _validated(config: Mapping[str, Any]) -> Study:
    """Return the study, with each value checked on its own."""
    _check_extent(config)
    refuse_renamed_keys(config)
    try:
        return Study.model_validate(dict(config))
    except ValidationError as error:
        # Imported only here, so that planning starts sooner.
        from transfer_gain.config.explain import refusal

        raise refusal(error) from None


def _check_extent(config: Mapping[str, Any]) -> None:
    """Refuse a config that its aliases make endless, before anything follows them."""
    waiting: list[tuple[Any, int]] = [(config, 0)]
    values = characters = 0
    while waiting:
        value, level = waiting.pop()
        values += 1
        characters += len(value) if isinstance(value, str) else 0
        if values > MAX_VALUES or characters > MAX_CHARACTERS or level > MAX_NESTING:
            raise ConfigError(
                "config: found too much, with what aliases repeat, allowed: at most "
                f"{MAX_VALUES:,} values, {MAX_CHARACTERS:,} characters and {MAX_NESTING} levels"
            )
        if isinstance(value, Mapping):
            waiting += [(each, level + 1) for each in (*value.keys(), *value.values())]
        elif isinstance(value, list | tuple):
            waiting += [(each, level + 1) for each in value]
