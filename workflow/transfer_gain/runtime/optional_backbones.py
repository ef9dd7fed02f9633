"""Which optional backbones a study has: those whose ImageNet weights can be had."""

import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from transfer_gain.printable import printable, shorten
from transfer_gain.runtime.remembered import remembered

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
    study: "Study", file: Path, probe: Callable[[], str | None] = unreachable_host
) -> Mapping[str, str]:
    """Return the optional backbones that a study has to do without, each with the reason.

    Whether the host of the weights can be reached is asked once and remembered, so that every
    later run, and every job of a run, has the same backbones.

    Args:
        study: the study.
        file: file of the answer; deleting it asks again.
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
    answer = remembered(file, "unreachable", probe)
    if answer is None:
        return {}
    why = printable(shorten(str(answer)))
    return {
        backbone.name: f"the ImageNet weights of {backbone.architecture} cannot be fetched ({why})"
        for backbone in missing
    }


def describe(left_out: Mapping[str, str], file: Path) -> str:
    """Say which backbones are left out, why, and what can be done."""
    named = "; ".join(f"{name}, since {why}" for name, why in left_out.items())
    return (
        f"Backbones left out: {named}. To try again, delete {file}; or download the weights "
        "(*_notop.h5) elsewhere and set the backbone's `weights:` to their path."
    )
