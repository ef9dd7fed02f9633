"""The environment of the processes that Snakemake starts."""

import os
from pathlib import Path

from transfer_gain import gpus
from transfer_gain.runtime.code_dependencies import make_importable

# Keep glibc from returning freed memory to the system: page faults take up to half of the time of
# Siamese training.
GLIBC_TUNABLES = (
    "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.arena_max=1"
    ":glibc.malloc.trim_threshold=17179869184"
)


def prepare(submitted: bool) -> None:
    """Set the variables that jobs inherit.

    They are the package's path, glibc's memory settings, the home of Keras, whose settings would
    otherwise come from the user's home or from a folder that every user of the machine can write,
    and whose GPUs a job may use.

    Args:
        submitted: whether this process is a job that Snakemake has submitted to a scheduler.
    """
    make_importable()
    os.environ.setdefault("KERAS_HOME", str(Path("resources", "keras").absolute()))
    os.environ.setdefault("GLIBC_TUNABLES", GLIBC_TUNABLES)
    if submitted:
        os.environ[gpus.SUBMITTED] = "1"
