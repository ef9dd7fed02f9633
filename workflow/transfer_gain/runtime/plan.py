"""What a run will do, in words: how many jobs, and roughly how long they take."""

from collections.abc import Iterable, Mapping

# Seconds of one core that a job takes, beyond what it does, and microseconds for each image that it
# trains on or passes through the backbone. Orders of magnitude, of one machine and small networks,
# whose launcher has imported TensorFlow.
STARTED = 1
COSTS = {
    "fetch_fashion_mnist": (20, 0),
    "fetch_vgg16_weights": (60, 0),
    "make_images": (2, 2000),
    "extract_features": (3, 40000),
    "extract_shard": (3, 40000),
    "extract_copies": (3, 40000),
    "train_head": (2, 25),
    "train_selected_head": (2, 100),
    "refit_head": (2, 25),
    "fit_probes": (1, 200),
    "train_from_scratch": (2, 400),
    "fine_tune": (20, 30000),
    "train_siamese": (250, 0),
    "train_embedding": (14, 0),
    "evaluate_distances": (4, 0),
}


def describe(jobs: Iterable[tuple[str, float]], cores: int) -> str:
    """Return a sentence on the jobs of a run and its time.

    Args:
        jobs: rule of each job, and how many images it sees, each as often as it does.
        cores: that the run may use.
    """
    jobs = list(jobs)
    expected = seconds(jobs) / cores
    about = f"{'very roughly ' * (expected >= 60)}{duration(expected)}"
    return (
        f"{len(jobs)} job{'s' * (len(jobs) != 1)}, {about} on {cores} core{'s' * (cores > 1)}: a "
        "fast machine takes less, a busy one more. A run that is stopped goes on where it was."
    )


def seconds(jobs: Iterable[tuple[str, float]], costs: Mapping = COSTS) -> float:
    """Return the seconds of some jobs on one core.

    Args:
        jobs: see `describe`.
        costs: seconds of a job and microseconds of an image, by rule.
    """
    return sum(
        start + each * images / 1e6
        for rule, images in jobs
        for start, each in [costs.get(rule, (STARTED, 0))]
    )


def duration(seconds: float) -> str:
    """Return a rough time: "under a minute", "12 minutes", "3 hours"."""
    if seconds < 60:
        return "under a minute"
    if seconds < 120:
        return "a minute or two"
    minutes = seconds / 60
    if minutes < 90:
        return f"{_rough(minutes)} minutes"
    return f"{_rough(minutes / 60)} hours"


def _rough(value: float) -> str:
    """Return a number to one digit, or two below 20."""
    return f"{value:.0f}" if value < 20 else f"{round(value, -1):.0f}"
