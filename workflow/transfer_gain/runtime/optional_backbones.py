"""Which optional backbones a study has: those whose ImageNet weights can be had."""

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from transfer_gain.printable import printable, shorten

if TYPE_CHECKING:
    from transfer_gain.config.study import Study

SECONDS = 5  # that a server may be silent


def unreachable_host() -> str | None:
    """Return why the ImageNet weights of Keras cannot be downloaded, or None if they can be.

    Keras keeps those of all networks on one host, so that one file tells of all.
    """
    # Imported only here, so that planning starts sooner.
    from transfer_gain.data.sources import vgg16_weights

    official, *_ = vgg16_weights.ARTEFACT.mirrors
    return unreachable(official.downloads[0].address)


def unreachable(address: str, seconds: float = SECONDS) -> str | None:
    """Return why a file cannot be downloaded, or None if it can be."""
    try:
        request = urllib.request.Request(address, method="HEAD")
        with urllib.request.urlopen(request, timeout=seconds):
            return None
    except (OSError, ValueError) as error:  # an answer such as 404 is an OSError, too
        return printable(shorten(str(getattr(error, "reason", error)) or type(error).__name__))


def left_out(
    study: "Study", remembered: Path, probe: Callable[[], str | None] = unreachable_host
) -> Mapping[str, str]:
    """Return the optional backbones that a study has to do without, each with the reason.

    Whether the host of the weights can be reached is asked once and remembered, so that every
    later run, and every job of a run, has the same backbones.

    Args:
        study: the study.
        remembered: file of the answer; deleting it asks again.
        probe: returns why the weights cannot be downloaded, or None.
    """
    missing = [
        backbone
        for backbone in study.backbones.values()
        if backbone.optional
        and backbone.architecture != "VGG16"  # which has a second source
        and not Path(study.paths.weights_of(backbone.architecture)).exists()
    ]
    if not missing:
        return {}
    why = _remembered(remembered, probe)
    if why is None:
        return {}
    return {
        backbone.name: f"the ImageNet weights of {backbone.architecture} cannot be fetched ({why})"
        for backbone in missing
    }


def _remembered(file: Path, probe: Callable[[], str | None]) -> str | None:
    """Return the answer of a probe, now or earlier."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        why = json.loads(file.read_text())["unreachable"]
        return None if why is None else printable(shorten(str(why)))
    why = probe()
    from transfer_gain.data.whole_files import StoreError, written_whole

    with contextlib.suppress(OSError, StoreError):  # what cannot be written is asked again
        file.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(file) as temporary:
            temporary.write_text(json.dumps({"unreachable": why}) + "\n")
    return why


def describe(left_out: Mapping[str, str], remembered: Path) -> str:
    """Say which backbones are left out, why, and what can be done."""
    named = "; ".join(f"{name}, since {why}" for name, why in left_out.items())
    return (
        f"Backbones left out: {named}. To try again, delete {remembered}; or download the weights "
        "(*_notop.h5) elsewhere and set the backbone's `weights:` to their path."
    )
