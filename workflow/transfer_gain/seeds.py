"""Seeds from names, so that nothing depends on the order of jobs."""

import hashlib

import numpy as np


def seed_sequence(study_seed: int, *names: str | int) -> np.random.SeedSequence:
    """Return the seed of a named purpose.

    Args:
        study_seed: the study's seed, ≥ 0.
        names: what the draw is for, from the general to the particular: dataset, fraction,
            replicate, purpose.
    """
    text = "\x1f".join(map(str, names)).encode()
    words = np.frombuffer(hashlib.sha256(text).digest(), "<u4")
    return np.random.SeedSequence([study_seed, *map(int, words)])


def generator(study_seed: int, *names: str | int) -> np.random.Generator:
    """Return a random generator seeded as in `seed_sequence`."""
    return np.random.default_rng(seed_sequence(study_seed, *names))


def run_seed(study_seed: int, *names: str | int) -> int:
    """Return the seed of one training run, as its row in `runs` has it."""
    return int(seed_sequence(study_seed, *names, "run").generate_state(1, np.uint64)[0] >> 1)
