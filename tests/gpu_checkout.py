"""A checkout whose extraction of features writes whether its job was given a GPU."""

from pathlib import Path

import yaml

from checkout import copy_checkout

FEATURES = "results/tiny/features/avatars/vgg16-auto.parquet"
# A GPU is asked for through `gres` alone, as some profiles do.
BY_GRES = (
    "--set-resources",
    "extract_features:gpu=0",
    "extract_features:gres='gpu:1'",
    "--",
    FEATURES,
)
STUDY = {
    "results": "results/tiny",
    "datasets": {"avatars": {"source": "avatars", "training_per_class": 12}},
    "backbones": {"vgg16": {"architecture": "VGG16"}},
    "fractions": [{"fraction": 1, "replicates": 1}],
}
EXTRACT = """
import os
from pathlib import Path
from transfer_gain import gpus
given = gpus.is_given(snakemake.resources.gpu > 0, os.environ)
Path(snakemake.output[0]).write_text(str(given))
"""


def checkout(folder: Path) -> Path:
    """Copy the checkout, with a small study and scripts that do no more than write this."""
    (copy_checkout(folder) / "config.yaml").write_text(yaml.safe_dump(STUDY))
    scripts = folder / "workflow" / "scripts"
    (scripts / "extract_features.py").write_text(EXTRACT)
    (scripts / "make_images.py").write_text("open(snakemake.output[0], 'w').close()\n")
    weights = folder / "resources" / "weights" / "vgg16-imagenet.npz"
    weights.parent.mkdir(parents=True)
    weights.touch()
    return folder
