"""The metric that `metric: auto` stands for."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transfer_gain import gpus, metrics
from transfer_gain.runtime import user_files
from transfer_gain.runtime.remembered import last_answer, remembered

if TYPE_CHECKING:
    from transfer_gain.config.study import Study


def choose(study: "Study") -> str:
    """Return the name of the metric that suits the sizes of a study's classes.

    Those of the user's own images are listed once, and again when the images or their settings
    change: a compressed archive has to be unpacked for it.
    """
    return metrics.fitting(
        dataset.class_sizes() or _listed(study, dataset.name, dataset.options)
        for dataset in study.transfer_datasets()
    )


def _listed(study: "Study", dataset: str, options: dict[str, Any]) -> list[int]:
    def ask() -> list[int]:
        # Imported only here: it takes half a second.
        from transfer_gain.data import class_sizes

        return class_sizes.listed(options)

    file = Path(study.paths.class_sizes.format(dataset=dataset))
    # For a job elsewhere, the images may be far or out of reach. Planning has just asked.
    if gpus.SUBMITTED in os.environ and (known := last_answer(file)) is not None:
        return list(known)
    table = (options["labels"] or {}).get("file")
    question = f"{user_files.state(options['path'], table)} {json.dumps(options, sort_keys=True)}"
    found: list[int] = remembered(file, question, ask)
    return found
