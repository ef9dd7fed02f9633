"""The config as a typed object: the study that it describes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from transfer_gain import metrics, names
from transfer_gain.config.backbones import Backbone, check_backbones
from transfer_gain.config.baselines import (
    Augmentation,
    Baseline,
    Baseline2018,
    Network,
    ResnetScratch,
)
from transfer_gain.config.datasets import AnyDataset, Avatars, FashionMnist, Peeps
from transfer_gain.config.errors import ConfigError
from transfer_gain.config.fields import Name, Section, Some, is_file
from transfer_gain.config.one_shot import OneShot
from transfer_gain.config.paths import Paths, format_number
from transfer_gain.config.training import (
    CrossFitting,
    FineTuning,
    Heads,
    LinearProbe,
    LongRuns,
    TrainingFraction,
    TransferAugmented,
    check_fractions,
)
from transfer_gain.printable import shorten

# Folders of the checkout, which cannot hold results.
CHECKOUT = ("benchmarks", "docs", "envs", "profiles", "resources", "tests", "workflow")

# The value of `metric` that lets the sizes of the classes decide.
AUTO = "auto"


def _known_metric(name: str) -> str:
    """Refuse a metric that has no record."""
    if name not in (AUTO, *metrics.SELECTING):
        raise PydanticCustomError("literal_error", "a metric")
    return name


MetricName = Annotated[
    str,
    AfterValidator(_known_metric),
    Field(json_schema_extra={"enum": [*metrics.SELECTING, AUTO]}),
]


def _default_datasets() -> dict[str, AnyDataset]:
    return {
        "clothes": FashionMnist(source="fashion-mnist"),
        "avatars": Avatars(source="avatars"),
        "peeps": Peeps(source="peeps"),
    }


def _default_backbones() -> dict[str, Backbone]:
    vgg16 = Backbone(architecture="VGG16", fine_tune_from="block5_conv1")
    random = Backbone(architecture="VGG16", weights=names.RANDOM_WEIGHTS, max_fraction=0.01)
    return {"vgg16": vgg16, "vgg16-random": random}


class Study(Section):
    """A transfer-gain study."""

    model_config = ConfigDict(title="A transfer-gain study")

    seed: int = Field(
        default=2018, ge=0, description="Seed from which every random draw of the study is derived."
    )
    results: str = Field(
        default="results",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*/?$",
        title="relative path of letters, digits and . _ - /",
        description="Folder for everything that the study makes, relative to where Snakemake runs.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto",
        description="Arithmetic of the backbone. `auto` is bfloat16 if the processor (AMX, AMD's "
        "AVX512-BF16) or the GPU (compute capability 8.0) is faster in it, and float32 otherwise. "
        "On a GPU, float32 is never TF32. "
        "The precision that was used is in the metadata of the features and in every row of "
        "`runs`.",
    )
    metric: MetricName = Field(
        default=metrics.ACCURACY.name,
        description="The metric that selects configurations, is compared and is drawn. `auto` is "
        "accuracy, or balanced accuracy if a class has more than 1.5 times the images of another. "
        "`runs` and `history` have every metric.",
    )
    class_weights: Literal["none", "balanced"] = Field(
        default="none",
        description="How much an image counts in the loss that every method trains with. `none`: "
        "all images the same, so that common classes count most. `balanced`: all classes the same, "
        "by weights n / (k n_c) of a run's own training images (n in all, n_c of the class, k "
        "classes). It raises the recall of rare classes at the cost of common ones: meant for "
        "`balanced_accuracy`. One-shot learning knows no such weights.",
    )
    target_accuracy: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="A score by `metric` that you want to reach. Table `forecast` then has the "
        "labels per class that each method is expected to need for it, with an interval.",
    )
    minutes_per_label: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Minutes that it takes you to find and label one more image. The answer and "
        "table `options` then say how long the labels take that they speak of.",
    )
    share: Literal["private", "public"] = Field(
        default="private",
        description="Whom the report, `config.yaml` and the RO-Crate are for. `public` leaves out "
        "names and pictures of your own images and the folders of your paths; tables and figures "
        "in their own files stay as they are. `private` shows them, because they are what wrong "
        "labels are found by, and the report says so at its top.",
    )
    datasets: dict[Name, AnyDataset] = Field(
        default_factory=_default_datasets,
        min_length=1,
        description="The datasets, each under the name that it has in tables and figures.",
    )
    backbones: dict[Name, Backbone] = Field(
        default_factory=_default_backbones,
        min_length=1,
        description="The frozen networks whose features the heads are trained on, each under its "
        "name.",
    )
    fractions: Some[TrainingFraction] = Field(
        default=(
            TrainingFraction(fraction=1.0, replicates=1),
            TrainingFraction(fraction=0.1, replicates=3),
            TrainingFraction(fraction=0.01, replicates=5),
            TrainingFraction(fraction=0.001, replicates=10),
        ),
        description="Which fractions of the training images are used, and how many samples are "
        "drawn at each. Every fraction is listed once.",
    )
    cross_fitting: CrossFitting = CrossFitting()
    heads: Heads = Heads()
    long_runs: LongRuns = Field(default=LongRuns(), validate_default=True)
    baseline: Baseline = Baseline()
    baseline_2018: Baseline2018 = Baseline2018()
    resnet_scratch: ResnetScratch = ResnetScratch()
    augmentation: Augmentation = Augmentation()
    transfer_augmented: TransferAugmented = TransferAugmented()
    linear_probe: LinearProbe = LinearProbe()
    fine_tuning: FineTuning = FineTuning()
    one_shot: OneShot | None = None

    @field_validator("results")
    @classmethod
    def _without_final_slash(cls, results: str) -> str:
        """Return a folder in one form."""
        return results.rstrip("/")

    @field_validator("long_runs")
    @classmethod
    def _choose_fractions(cls, long_runs: LongRuns, info: ValidationInfo) -> LongRuns:
        """Choose the fractions of the long runs if they are not given."""
        known = tuple(entry.fraction for entry in info.data.get("fractions", ()))
        return long_runs.with_default_fractions(known)

    @model_validator(mode="after")
    def _give_names(self) -> Study:
        """Tell datasets and backbones their names."""
        for name, dataset in self.datasets.items():
            dataset._name = name
        for name, backbone in self.backbones.items():
            backbone._name = name
        return self

    @property
    def paths(self) -> Paths:
        """Return where this study's files lie."""
        return Paths(self.results, self.precision)

    def transfer_datasets(self) -> list[AnyDataset]:
        """Return the datasets that are part of the transfer study."""
        return [dataset for dataset in self.datasets.values() if dataset.transfer]

    def with_metric(self, choose: Callable[[Study], str]) -> Study:
        """Return the study with a metric in place of `auto`.

        Args:
            choose: function from a study to the name of a metric.
        """
        if self.metric != AUTO:
            return self
        return self.model_copy(update={"metric": choose(self)})

    def replicates(self, fraction: str) -> int:
        """Return the number of replicates at a fraction (named as by `format_number`)."""
        return next(
            entry.replicates
            for entry in self.fractions
            if format_number(entry.fraction) == fraction
        )

    def runs_of(self, dataset: str, fraction: str) -> int:
        """Return how often a configuration is trained: the replicates, or splits, of a dataset.

        Only reading the images shows whether they come with a split. If they do, there are
        `replicates`, and this is too many.
        """
        crossed = self.datasets[dataset].is_cross_fitted
        return self.cross_fitting.splits if crossed else self.replicates(fraction)

    def fraction_names(self, backbone: str | None = None, max_fraction: float = 1) -> list[str]:
        """Return the names of the study's fractions, or of a backbone's, up to a limit."""
        if backbone:
            max_fraction = min(max_fraction, self.backbones[backbone].max_fraction)
        return [
            format_number(entry.fraction)
            for entry in self.fractions
            if entry.fraction <= max_fraction
        ]

    def stored_size(self, dataset: str, backbone: str) -> int:
        """Return the side of the images that a backbone gets, before it resizes them.

        It is the backbone's own if a dataset has larger pictures than its `image_size`: no image is
        reduced to few pixels and enlarged again.
        """
        found, wanted = self.datasets[dataset], self.backbones[backbone].input_size
        larger = found.has_larger_pictures and wanted > found.image_size
        return wanted if larger else found.image_size

    @property
    def class_weighting(self) -> dict[str, str]:
        """Return how training weights the classes, for params; empty if it does not.

        Jobs without weights keep the params that they had before there were any.
        """
        return {} if self.class_weights == "none" else {"class_weights": self.class_weights}

    def augmentation_of(self, dataset: str) -> Augmentation:
        """Return how a dataset's images are augmented."""
        return self.datasets[dataset].augmentation or self.augmentation

    def fine_tuning_of(self, backbone: str) -> dict[str, Any]:
        """Return how a backbone is fine-tuned at any rate: from_layer, epochs and min_updates."""
        return {
            "from_layer": self.backbones[backbone].fine_tune_from,
            "epochs": self.fine_tuning.epochs,
            "min_updates": self.fine_tuning.min_updates,
        }

    def controls(self) -> dict[str, list[str]]:
        """Return each backbone with random weights and the trained ones that are cut like it."""
        trained = [backbone for backbone in self.backbones.values() if backbone.is_trained]
        return {
            control.name: [backbone.name for backbone in trained if backbone.cut == control.cut]
            for control in self.backbones.values()
            if not control.is_trained
        }

    @property
    def contrast(self) -> tuple[float, float]:
        """Return the two fractions whose gains are compared.

        They are 1 % and 100 %, as in the 2018 paper, or else the smallest and the largest.
        """
        fractions = [entry.fraction for entry in self.fractions]
        small, large = min(fractions), max(fractions)
        return (0.01 if 0.01 in fractions and large > 0.01 else small), large

    def scratch_fractions(self) -> dict[str, list[str]]:
        """Return the methods that train from scratch, each with the names of its fractions."""
        every = self.fraction_names()
        weak = [name for name in every if float(name) in self.baseline_2018.fractions]
        return {
            names.BASELINE: every,
            names.AUGMENTATION: every,
            names.BASELINE_2018: weak,
            names.RESNET_SCRATCH: self.fraction_names(
                max_fraction=self.resnet_scratch.max_fraction
            ),
        }

    def scratch_network(self, method: str) -> Network:
        """Return the network of one convolution that a method trains from scratch."""
        baseline = self.baseline_2018 if method == names.BASELINE_2018 else self.baseline
        return baseline.network

    def refit_fractions(self, method: str, backbone: str) -> list[str]:
        """Return the names of the fractions at which a method trains the selected heads again."""
        if method == names.FINE_TUNING:
            if not self.backbones[backbone].fine_tune_from:
                return []
            allowed = self.fraction_names(backbone, self.fine_tuning.max_fraction)
            return [name for name in allowed if float(name) >= self.fine_tuning.min_fraction]
        if not self.backbones[backbone].augmented_copies:
            return []
        return self.fraction_names(backbone, self.transfer_augmented.max_fraction)

    def learning_rates(self, method: str, fraction: str) -> list[str]:
        """Return the names of the learning rates that a network trained from scratch tries."""
        if method == names.BASELINE_2018:
            return [format_number(self.baseline_2018.learning_rate)]
        tuned = float(fraction) <= self.baseline.max_tuned_fraction
        rates = self.heads.learning_rates if tuned else self.baseline.learning_rates
        return [format_number(rate) for rate in rates]

    def check(self) -> None:
        """Refuse values that do not fit each other, or files that are not there.

        Raises:
            ConfigError: the first such value, on one line.
        """
        self._check_results()
        self._check_target()
        check_fractions(self)
        check_backbones(self)
        if not self.transfer_datasets():
            raise ConfigError("datasets: found none with transfer: true, allowed: at least one")
        for dataset in self.datasets.values():
            dataset.check(self)
        sections = (self.heads, self.long_runs, self.baseline, self.baseline_2018)
        checks: list[Callable[[Study], None]] = [section.check for section in sections]
        checks.append(self.fine_tuning.check)
        if self.one_shot:
            checks.append(self.one_shot.check)
        for check in checks:
            check(self)

    def _check_target(self) -> None:
        """Refuse a target by a metric of which nothing is forecast."""
        if self.target_accuracy is None or self.metric == AUTO:
            return
        metric = metrics.metric(self.metric)
        if not (metric.bounds == (0, 1) and metric.higher_is_better):
            raise ConfigError(
                f"target_accuracy: found {self.target_accuracy:g} with metric: {self.metric}, "
                "allowed: a metric from 0 to 1 of which more is better"
            )

    def _check_results(self) -> None:
        """Refuse results in a folder of the checkout, or in the place of a file."""
        results = Path(self.results)
        if results.parts[0] in CHECKOUT:
            raise ConfigError(
                f"results: found '{shorten(self.results)}', allowed: a folder outside of "
                f"{', '.join(CHECKOUT)}"
            )
        if any(map(is_file, (results, *results.parents))):
            raise ConfigError(
                f"results: found '{shorten(self.results)}', allowed: a folder, not a file"
            )
