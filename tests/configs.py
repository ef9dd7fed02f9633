"""Configs for tests: the studies of the repository, and random changes of the default."""

import copy
from pathlib import Path

import pytest
from hypothesis import assume
from hypothesis import strategies as st

from transfer_gain.config.errors import ConfigError
from transfer_gain.config.loading import complete, load

ROOT = Path(__file__).parents[1]
STUDIES = sorted(ROOT.glob("workflow/studies/*.yaml"))

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["1e-4", "a\n", "../x", "fashion-mnist", "VGG16", "elu", 1, 0.1, 20.0]),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.integers() | st.none(), children, max_size=3)
    ),
    max_leaves=4,
)


def refusal(config) -> str:
    """Return the one line that a config is refused with."""
    with pytest.raises(ConfigError) as error:
        load(config)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def fraction(value, replicates=1) -> dict:
    """Return an entry of `fractions`."""
    return {"fraction": value, "replicates": replicates}


def places(config, path=()):
    """Yield the path of every value in a config."""
    entries = config.items() if isinstance(config, dict) else enumerate(config)
    for key, value in entries:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


@st.composite
def mutated(draw):
    """Draw the default config with a few values replaced, added under a new key or removed."""
    config = complete({})
    for _ in range(draw(st.integers(1, 3))):
        *path, last = draw(st.sampled_from(sorted(places(config), key=repr)))
        holder = config
        for key in path:
            holder = holder[key]
        match draw(st.sampled_from(["replace", "add", "remove"])):
            case "replace":
                holder[last] = draw(VALUES)
            case "add" if isinstance(holder, dict):
                holder[draw(st.text(max_size=8) | st.integers())] = draw(VALUES)
            case "add":
                holder.append(draw(VALUES | st.just(copy.deepcopy(holder[last]))))
            case "remove":
                del holder[last]
        assume(config)
    return config
