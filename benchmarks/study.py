"""Small studies for the benchmarks, and the files that the workflow makes for them."""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from side_by_side import CHECKOUT, WORK
from transfer_gain.config.loading import load
from transfer_gain.config.study import Study


def clothes(
    per_class: int,
    replicates: int = 1,
    fractions: Iterable[float] = (1, 0.1, 0.01, 0.001),
    rates: Sequence[float] = (0.01, 0.001, 0.0001),
) -> dict[str, Any]:
    """Return the config of the 2018 paper's sweep on clothes.

    Args:
        per_class: training images per class; a sixth as many are for validation.
        replicates: number of replicates at each fraction.
        fractions: fractions of the training images.
        rates: learning rates of the heads.
    """
    config = yaml.safe_load((CHECKOUT / "config.yaml").read_text())
    dataset = {"training_per_class": per_class, "validation_per_class": per_class // 6}
    return {
        "results": str(WORK / f"clothes-{per_class}"),
        "datasets": {"clothes": config["datasets"]["clothes"] | dataset},
        "backbones": {"vgg16": config["backbones"]["vgg16"]},
        "fractions": [{"fraction": each, "replicates": replicates} for each in fractions],
        "heads": config["heads"] | {"learning_rates": list(rates)},
        **{key: config[key] for key in ("baseline", "augmentation")},
    }


def save(config: Mapping[str, Any], name: str) -> tuple[Path, Study]:
    """Write a config to a file of this name; return the file and the study."""
    path = CHECKOUT / WORK / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(dict(config)))
    return path, load(config)


def snakemake(config: Path, cores: int, *arguments: str, **environment: str) -> None:
    """Run the workflow in the project's own environment.

    Raises:
        RuntimeError: it failed; the message is the end of its output.
    """
    command = [sys.executable, "-m", "snakemake", *arguments, "--cores", str(cores)]
    done = subprocess.run(
        [*command, "--quiet", "rules", "progress", "--configfile", str(config)],
        cwd=CHECKOUT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"snakemake: {(done.stdout + done.stderr)[-2000:]}")


def network(about: Study) -> dict[str, Any]:
    """Return the shape of a study's baseline, as `scratch.train` takes it."""
    return about.scratch_network("baseline").settings()
