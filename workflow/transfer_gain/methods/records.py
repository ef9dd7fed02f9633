"""The methods that the study compares, one record per method.

Job lists, wildcard constraints, the table of costs, the selection of runs, comparisons, figures,
sentences and the report iterate over these records. To add a method, add a record to `METHODS`.
No training job reads this module, so changing a color retrains nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from transfer_gain.config import jobs
from transfer_gain.names import (
    AUGMENTATION,
    BASELINE,
    BASELINE_2018,
    FINE_TUNING,
    RESNET_SCRATCH,
    TRANSFER_AUGMENTED,
    TRANSFER_EXTENDED,
)

if TYPE_CHECKING:
    import pandas as pd

    from transfer_gain.config.paths import Paths
    from transfer_gain.config.study import Study

TRANSFER = "transfer"
FROM_SCRATCH_METHODS = (BASELINE_2018, BASELINE, AUGMENTATION, RESNET_SCRATCH)  # weaker first
RANDOM_WEIGHTS = "random-weights"


class UnknownMethodError(KeyError):
    """A table or figure names a method that has no record."""


@dataclass(frozen=True)
class Method:
    """Everything that the workflow knows about a method.

    Attributes:
        name: name in the column `method` and in paths.
        label: name in sentences.
        position: order in figures, weaker methods first.
        color: index into seaborn's color-blind palette.
        marker: matplotlib marker.
        references: methods that its gain is measured against, in the order of the table.
        jobs: function that returns the wildcards of its training jobs; empty if the config disables
            the method.
        folder: function that returns the output folder of a job, with wildcards; empty for a
            method without jobs of its own.
        writes: kinds of rows that a job writes: "runs", and "history" if it has epochs.
        rule: the rule that trains it.
        cost: seconds per job, and microseconds per image that it sees (for the plan).
        refit_of: the method whose selected configuration it retrains; its cost includes that
            method's.
        is_reference: whether it only serves as a reference and is never ranked.
        description: its paragraph in the report, a Jinja template over `config`.
    """

    name: str
    label: str
    position: float
    color: int
    marker: str
    references: tuple[str, ...] = FROM_SCRATCH_METHODS
    jobs: "Callable[[Study], list[jobs.Job]]" = lambda study: []
    folder: "Callable[[Paths], str]" = lambda paths: ""
    writes: tuple[str, ...] = ("runs", "history")
    rule: str = ""
    cost: tuple[float, float] = (1, 0)
    refit_of: str | None = None
    is_reference: bool = False
    description: str = ""


# In the order of the rows of table `runs`.
METHODS = (
    Method(
        name=TRANSFER,
        label="transfer",
        position=4,
        color=0,
        marker="o",
        references=(*FROM_SCRATCH_METHODS, RANDOM_WEIGHTS),
        jobs=jobs.heads,
        folder=lambda paths: paths.head,
        rule="train_head",
        cost=(1, 25),
        description="""\
The best head: hidden layers
{% for layers in config.heads.layers %}({{ layers | join(", ") }}){{ ", " if not loop.last }}{%
endfor %}; activations {{ config.heads.activations | join(", ") }}; learning rates {{
config.heads.learning_rates | map("cell") | join(", ") }}; on the frozen features of {% for name,
backbone in config.backbones.items() %}{{ name }} ({{ backbone.architecture }}, weights {{
backbone.weights }}, layer {{ backbone.layer }}, {{ backbone.input_size }} pixels)\
{{ ", " if not loop.last }}{% endfor %}.""",
    ),
    Method(
        name=BASELINE,
        label="training from scratch",
        position=1,
        color=7,
        marker="s",
        references=FROM_SCRATCH_METHODS[:1],
        jobs=lambda study: jobs.from_scratch(study, BASELINE),
        folder=lambda paths: paths.scratch,
        rule="train_from_scratch",
        cost=(1, 150),
        description="""\
A shallow network trained from scratch: one convolution ({{ config.baseline.filters }} filters of
{{ config.baseline.kernel }} × {{ config.baseline.kernel }}, stride {{ config.baseline.stride }}),
max-pooling ({{ config.baseline.pooling }}), hidden layers ({{ config.baseline.units | join(", ")
}}),
{{ config.baseline.activation }}.""",
    ),
    Method(
        name=AUGMENTATION,
        label="augmentation",
        position=2,
        color=1,
        marker="^",
        references=FROM_SCRATCH_METHODS[:2],
        jobs=lambda study: jobs.from_scratch(study, AUGMENTATION),
        folder=lambda paths: paths.scratch,
        rule="train_from_scratch",
        cost=(1, 150),
        description="""\
The same network; every batch is changed at random: rotated up to {{ config.augmentation.rotation |
cell }}°, shifted by up to {{ config.augmentation.shift | cell }} of the side, zoomed by up to {{
config.augmentation.zoom | cell }}, sheared up to
{{ config.augmentation.shear | cell }}°{{ ", mirrored" if config.augmentation.flip }}.{% for name,
dataset in config.datasets.items() if dataset.augmentation %} Images of {{ name }} are augmented in
a way of their own ({{ "not " if not dataset.augmentation.flip }}mirrored; see its `augmentation` in
the configuration).{% endfor %}""",
    ),
    Method(
        name=BASELINE_2018,
        label="the 2018 baseline",
        position=0,
        color=5,
        marker="v",
        references=(),
        jobs=lambda study: jobs.from_scratch(study, BASELINE_2018),
        folder=lambda paths: paths.scratch,
        rule="train_from_scratch",
        cost=(1, 150),
        description="The weakest network that the text of the 2018 paper allows.",
    ),
    Method(
        name=RESNET_SCRATCH,
        label="a ResNet from scratch",
        position=2.25,
        color=8,
        marker="D",
        references=FROM_SCRATCH_METHODS[:3],
        jobs=lambda study: jobs.from_scratch(study, RESNET_SCRATCH),
        folder=lambda paths: paths.scratch,
        rule="train_resnet",
        cost=(5, 800),
        description="""\
A residual network trained from scratch: a stem and {{ config.resnet_scratch.filters | length }}
blocks of {{ config.resnet_scratch.filters | join(", ") }} filters, with batch normalization. Each
image of every batch is changed by one random operation of random strength (TrivialAugment), shifted
by up to {{ config.augmentation.shift | cell }} of the side{{ " and mirrored" if
config.augmentation.flip }} (fractions up to {{ config.resnet_scratch.max_fraction | cell }}).""",
    ),
    Method(
        name=TRANSFER_EXTENDED,
        label="transfer with more updates",
        position=5,
        color=9,
        marker="X",
        references=(),
        jobs=lambda study: jobs.refits(study, TRANSFER_EXTENDED),
        folder=lambda paths: paths.refit,
        rule="refit_head",
        cost=(1, 25),
        refit_of=TRANSFER,
        is_reference=True,
        description="""\
The selected head, trained on the images alone for as many updates as transfer-augmented (fractions
up to {{ config.transfer_augmented.max_fraction | cell }}).""",
    ),
    Method(
        name=TRANSFER_AUGMENTED,
        label="transfer with augmentation",
        position=6,
        color=2,
        marker="P",
        references=(*FROM_SCRATCH_METHODS, TRANSFER_EXTENDED),
        jobs=lambda study: jobs.refits(study, TRANSFER_AUGMENTED),
        folder=lambda paths: paths.refit,
        rule="refit_head",
        cost=(1, 25),
        refit_of=TRANSFER,
        description="""\
The selected head, trained on {{ config.transfer_augmented.copies }} augmented copies of each image
as
well (fractions up to {{ config.transfer_augmented.max_fraction | cell }}{% for name, backbone in
config.backbones.items() if not backbone.augmented_copies %}; not on {{ name }}{% endfor %}).""",
    ),
    Method(
        name=FINE_TUNING,
        label="fine-tuning",
        position=7,
        color=3,
        marker="*",
        jobs=jobs.fine_tuned,
        folder=lambda paths: paths.fine_tuned,
        rule="fine_tune",
        cost=(15, 8000),
        refit_of=TRANSFER,
        description="""\
The selected head, with the last layers of its backbone trained along
({% for name, backbone in config.backbones.items() if backbone.fine_tune_from %}{{ name }} from
{{ backbone.fine_tune_from }} on{{ ", " if not loop.last }}{% endfor %}), at the best of the
learning rates {{ config.fine_tuning.learning_rates | map("cell") | join(", ") }}, for {{
config.fine_tuning.epochs }}
epochs or {{ config.fine_tuning.min_updates }} updates (fractions {% if
config.fine_tuning.min_fraction %}from {{ config.fine_tuning.min_fraction | cell }} {% endif %}up to
{{ config.fine_tuning.max_fraction | cell }}).""",
    ),
    Method(
        name="linear-probe",
        label="the linear probe",
        position=3,
        color=4,
        marker="d",
        jobs=lambda study: jobs.on_features(study, study.linear_probe.max_fraction),
        folder=lambda paths: paths.probe,
        writes=("runs",),
        rule="fit_probes",
        cost=(1, 3000),
        description="""\
Logistic regression on the same features (fractions up to {{ config.linear_probe.max_fraction | cell
}}).""",
    ),
    # Used only as a reference: transfer from the same network with random weights.
    Method(
        name=RANDOM_WEIGHTS,
        label="random weights",
        position=8,
        color=6,
        marker="p",
        references=(),
        is_reference=True,
    ),
)
BY_NAME = {method.name: method for method in METHODS}
FOR_DISPLAY = tuple(sorted(METHODS, key=lambda method: method.position))


def method(name: str) -> Method:
    """Return the record of a method.

    Raises:
        UnknownMethodError: there is none.
    """
    if name not in BY_NAME:
        raise UnknownMethodError(f"method: found {name!r}, expected one of {', '.join(BY_NAME)}")
    return BY_NAME[name]


def ranked(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return the rows of a table whose method competes to be the best, instead of serving others.

    Args:
        rows: with a column `method`.
    """
    competes = rows["method"].map(lambda name: not method(name).is_reference)
    return rows[competes.astype(bool)]


def trained_by(rule: str) -> list[str]:
    """Return the names of the methods that a rule trains, in the order of the records."""
    return [method.name for method in METHODS if method.rule == rule]


def untried(study: "Study") -> list[str]:
    """Return the names of the methods that could be recommended, and that the config leaves out."""
    return [
        method.name
        for method in METHODS
        if method.references and not method.is_reference and not method.jobs(study)
    ]
