"""The config as a typed object: its schema, defaults and paths, and no other place knows them."""

import copy
import dataclasses
import difflib
import functools
import itertools
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from .printable import found, printable, shorten

SCHEMA_FILE = Path(__file__).parents[1] / "schemas" / "config.schema.yaml"
PROTOCOLS = ("report", "held-out")
FROM_SCRATCH = "none"  # in the column backbone of a network without one
CONTROLS = "controls"  # of one-shot learning: all that need no training
# Variants of one-shot learning that are trained by gradients; the others are fitted in one step.
BY_GRADIENTS = ("supervised-contrastive", "prototypical", "near-identity")
FIRST, SECOND = "first", "second"  # approaches to one-shot learning, as the report counts them
EXPRESSIONS = 7  # classes of avatars, FERG-DB, peeps and JAFFE

# Of a config, each value as often as aliases repeat it.
MAX_VALUES = 100_000
MAX_CHARACTERS = 10_000_000
MAX_NESTING = 50

# Folders that are not the results'.
CHECKOUT = ("benchmarks", "docs", "envs", "profiles", "resources", "tests", "workflow")

# Sides in pixels below which keras.applications builds no network; 32 for all others.
SMALLEST_INPUT = {"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75}


class ConfigError(ValueError):
    """The config is refused; one line names the key, what was found and what is allowed."""

    def __init__(self, message: str):
        super().__init__(printable(message))


@dataclass(frozen=True)
class Dataset:
    """A dataset's settings; `options` are those that only some sources have."""

    name: str
    source: str
    training_per_class: int | None
    validation_per_class: int | None
    image_size: int
    transfer: bool
    options: Mapping[str, Any]

    @property
    def is_the_reports(self) -> bool:
        """Whether these are the 2018 report's images (Tables 1 and 2), drawn as it drew them."""
        clothes = ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt"]
        validation = {"fashion-mnist": 1000, "ferg": 900}.get(self.source)
        counts = (self.training_per_class, self.validation_per_class, self.image_size)
        return (
            counts == (6000, validation, 64)
            and sorted(self.options.get("classes", clothes)) == sorted(clothes)
            and self.options.get("validation", "by-image") == "by-image"
        )

    @property
    def class_count(self) -> int | None:
        """Number of classes, None where only the user's folder tells."""
        if self.source == "folder":
            return None
        return len(self.options["classes"]) if "classes" in self.options else EXPRESSIONS


@dataclass(frozen=True)
class Backbone:
    """A frozen network, cut at a layer."""

    name: str
    architecture: str
    weights: str
    layer: str
    input_size: int
    up_to: float
    fine_tune_from: str | None

    @property
    def cut(self) -> dict[str, str | int]:
        """Return what the network is built from, its weights' file apart."""
        return {
            "architecture": self.architecture,
            "layer": self.layer,
            "input_size": self.input_size,
        }

    @property
    def is_trained(self) -> bool:
        """Whether it brings knowledge along; random weights are a control."""
        return self.weights != "none"

    @property
    def is_the_reports(self) -> bool:
        """Whether this is the network whose features the 2018 report used."""
        network = (self.architecture, self.weights, self.layer, self.input_size)
        return network == ("VGG16", "imagenet", "block5_pool", 64)


@dataclass(frozen=True)
class Size:
    """A fraction of the training images and how many samples of it are drawn."""

    fraction: float
    replicates: int


@dataclass(frozen=True)
class Heads:
    """The grid of heads and how each is trained."""

    layers: tuple[tuple[int, ...], ...]
    activations: tuple[str, ...]
    learning_rates: tuple[float, ...]
    batch_size: int
    epochs: int
    min_updates: int
    l2: float

    def configurations(self) -> Iterator[dict[str, str]]:
        """Yield the wildcards of every head of the grid, in the config's order."""
        for layers, activation, rate in itertools.product(
            self.layers, self.activations, self.learning_rates
        ):
            yield {
                "layers": "-".join(map(str, layers)),
                "activation": activation,
                "learning_rate": number(rate),
            }


@dataclass(frozen=True)
class LongRuns:
    """Which sizes are trained again for longer, and how long."""

    sizes: tuple[float, ...]
    epochs: int


@dataclass(frozen=True)
class Convolution:
    """The shape of a network of one convolutional layer."""

    filters: int
    kernel: int
    stride: int
    pooling: int
    units: tuple[int, ...]
    activation: str


@dataclass(frozen=True)
class Baseline:
    """The network trained from scratch, and the learning rates it may choose from."""

    network: Convolution
    tuned_up_to: float
    learning_rates: tuple[float, ...]


@dataclass(frozen=True)
class ReportLike:
    """The second, weaker baseline and where it is trained."""

    network: Convolution
    sizes: tuple[float, ...]
    learning_rate: float


@dataclass(frozen=True)
class TransferAugmented:
    """Up to which size transfer is augmented, by how many copies of an image."""

    up_to: float
    copies: int


@dataclass(frozen=True)
class LinearProbe:
    """Up to which size the probe is fitted, and the penalties it may choose from."""

    up_to: float
    l2: tuple[float, ...]


@dataclass(frozen=True)
class FineTuning:
    """Up to which size the backbone is trained along, and how."""

    up_to: float
    learning_rate: float
    epochs: int
    min_updates: int


@dataclass(frozen=True)
class OneShot:
    """One-shot learning: what is trained on, how long, and what is tested."""

    target: str
    related: str | None
    backbone: str
    seen_classes: int
    per_class: int
    batch_size: int
    batches: int
    passes: int
    related_batch_sizes: tuple[int, ...]
    related_epochs: int
    learning_rate: float
    l2: float
    replicates: int
    tasks: int
    test_per_class: int
    ways: tuple[int, ...]
    shots: tuple[int, ...]
    queries: int
    episodes: int
    variants: tuple[str, ...]
    variant_batch_size: int
    variant_updates: int
    compared_per_class: int

    @property
    def approaches(self) -> dict[str, str]:
        """Return the approaches by name, with the dataset that each trains on."""
        trained_on = {FIRST: self.target}
        return trained_on | ({SECOND: self.related} if self.related else {})

    @property
    def methods(self) -> list[dict[str, str]]:
        """Return the wildcards of everything that is tested beside the report's network."""
        return [
            {"approach": approach, "variant": variant}
            for approach in self.approaches
            for variant in (CONTROLS, *self.variants)
        ]

    def trainings(self) -> Iterator[dict[str, str]]:
        """Yield the wildcards of every training of the report's network."""
        sizes = {FIRST: (self.batch_size,), SECOND: self.related_batch_sizes}
        for approach in self.approaches:
            for batch, protocol in itertools.product(sizes[approach], ("report", "long")):
                yield {"approach": approach, "batch": str(batch), "protocol": protocol}

    def epochs(self, approach: str, protocol: str) -> int:
        """Return the epochs of a training; one is a batch by protocol "report", else a pass."""
        if approach == SECOND:
            return self.related_epochs
        return self.batches if protocol == "report" else self.passes

    def draws(self, approach: str) -> dict[str, Any]:
        """Return what an approach trains and is tested on, as `one_shot.read` takes it."""
        first = approach == FIRST
        return {
            "seen": self.seen_classes if first else 0,
            "per_class": self.per_class if first else None,
            "test_per_class": self.test_per_class,
            "replicates": self.replicates,
            "tasks": self.tasks,
            "few_shot": {
                "ways": self.ways,
                "shots": self.shots,
                "queries": self.queries,
                "episodes": self.episodes,
            },
        }


@dataclass(frozen=True)
class Paths:
    """Where everything lies; braces are Snakemake wildcards.

    A path holds the settings by which variants of one file differ; the rest of what a file depends
    on is in its rule's `params`.
    """

    results: str
    precision: str

    fashion_mnist = tuple(
        f"resources/fashion-mnist/{part}"
        for part in (
            "train-images-idx3-ubyte",
            "train-labels-idx1-ubyte",
            "t10k-images-idx3-ubyte",
            "t10k-labels-idx1-ubyte",
        )
    )
    vgg16_weights = "resources/weights/vgg16-imagenet.npz"
    weights = "resources/weights/{architecture}.weights.h5"

    @property
    def images(self) -> str:
        """Return the path of a dataset's images."""
        return f"{self.results}/images/{{dataset}}.parquet"

    @property
    def samples(self) -> str:
        """Return the path of a size's samples: which images each replicate trains on."""
        return f"{self.results}/samples/{{dataset}}/size={{size}}.parquet"

    @property
    def halves(self) -> str:
        """Return the path of the validation images' split into selection and reporting half."""
        return f"{self.results}/samples/{{dataset}}/validation_halves.parquet"

    @property
    def features(self) -> str:
        """Return the path of a dataset's features."""
        return f"{self.results}/features/{{dataset}}/{{backbone}}-{self.precision}.parquet"

    @property
    def shard(self) -> str:
        """Return the path of a part of a dataset's features, such as 2-of-4."""
        return (
            f"{self.results}/features/{{dataset}}/{{backbone}}-{self.precision}-shards/"
            "{scatteritem}.parquet"
        )

    @property
    def head(self) -> str:
        """Return the folder of one head's `runs` and `history`."""
        return (
            f"{self.results}/heads/{{dataset}}/{{backbone}}-{self.precision}/size={{size}}/"
            "layers={layers}/activation={activation}/learning_rate={learning_rate}/epochs={epochs}"
        )

    @property
    def cnn(self) -> str:
        """Return the folder of `runs` and `history` of a network trained from scratch."""
        return (
            f"{self.results}/cnns/{{dataset}}/{{method}}/size={{size}}/"
            "learning_rate={learning_rate}/epochs={epochs}"
        )

    @property
    def example(self) -> str:
        """Return the path of one image with its augmented copies."""
        return f"{self.results}/images/augmented/{{dataset}}.parquet"

    @property
    def copies(self) -> str:
        """Return the path of the features of a size's augmented copies."""
        return (
            f"{self.results}/features/{{dataset}}/{{backbone}}-{self.precision}-copies/"
            "size={size}.parquet"
        )

    @property
    def refit(self) -> str:
        """Return the folder of a selected head's `runs` and `history`, trained another way."""
        return (
            f"{self.results}/refits/{{dataset}}/{{backbone}}-{self.precision}/{{method}}/"
            "size={size}/protocol={protocol}"
        )

    @property
    def probe(self) -> str:
        """Return the path of the `runs` of a size's linear probes."""
        return f"{self.results}/probes/{{dataset}}/{{backbone}}-{self.precision}/size={{size}}"

    @property
    def selection(self) -> str:
        """Return the path of the heads selected at a size, a row a protocol."""
        backbone = f"{{backbone}}-{self.precision}"
        return f"{self.results}/selections/{{dataset}}/{backbone}/size={{size}}.parquet"

    @property
    def long_run(self) -> str:
        """Return the folder of a selected head's `runs` and `history` after more epochs."""
        return (
            f"{self.results}/long_runs/{{dataset}}/{{backbone}}-{self.precision}/size={{size}}/"
            "protocol={protocol}/epochs={epochs}"
        )

    @property
    def siamese(self) -> str:
        """Return the folder of one training of the report's Siamese network."""
        return (
            f"{self.results}/one_shot/approach={{approach}}/siamese/batch={{batch}}/"
            "protocol={protocol}"
        )

    @property
    def one_shot_method(self) -> str:
        """Return the folder of what another method than the report's network gives."""
        return f"{self.results}/one_shot/approach={{approach}}/{{variant}}"

    @property
    def tasks(self) -> str:
        """Return the path of some one-shot tasks, with what the Siamese network makes of them."""
        return f"{self.results}/one_shot/tasks.parquet"

    @property
    def p_same(self) -> str:
        """Return the path of how often the Siamese network takes two classes for one."""
        return f"{self.results}/one_shot/p_same.parquet"

    def table(self, name: str) -> str:
        """Return the path of a table, without its ending."""
        return f"{self.results}/tables/{name}"

    def figure(self, name: str) -> str:
        """Return the path of a figure, without its ending."""
        return f"{self.results}/figures/{name}"

    @property
    def report(self) -> str:
        """Return the path of the report."""
        return f"{self.results}/report.html"

    @property
    def answer(self) -> str:
        """Return the path of the report's first sentences, as text."""
        return f"{self.results}/answer.txt"

    @property
    def inputs(self) -> str:
        """Return the path of the digests of what the study begins with: images and weights."""
        return f"{self.results}/inputs.json"

    @property
    def config(self) -> str:
        """Return the path of the config with every default filled in."""
        return f"{self.results}/config.yaml"

    @property
    def crate(self) -> str:
        """Return the path of the RO-Crate's metadata, which say how the results were made."""
        return f"{self.results}/ro-crate-metadata.json"

    def log(self, made: str) -> str:
        """Return the path of the log of the job that makes this file."""
        return self._beside(made, "logs", "log")

    def benchmark(self, made: str) -> str:
        """Return the path of the benchmark of the job that makes this file."""
        return self._beside(made, "benchmarks", "tsv")

    def _beside(self, made: str, folder: str, ending: str) -> str:
        """Return the path of a job's own file, named after what the job makes."""
        top = self.results if made.startswith(f"{self.results}/") else "resources"
        name = made.removeprefix(f"{top}/").removesuffix(".parquet").removesuffix(".csv")
        return f"{top}/{folder}/{name}.{ending}"


@dataclass(frozen=True)
class Study:
    """A whole study, every default filled in."""

    seed: int
    results: str
    precision: str
    datasets: dict[str, Dataset]
    backbones: dict[str, Backbone]
    sizes: tuple[Size, ...]
    heads: Heads
    long_runs: LongRuns
    baseline: Baseline
    report_like: ReportLike
    augmentation: Mapping[str, Any]
    transfer_augmented: TransferAugmented
    linear_probe: LinearProbe
    fine_tuning: FineTuning
    one_shot: OneShot | None

    @property
    def paths(self) -> Paths:
        """Return where this study's files lie."""
        return Paths(self.results, self.precision)

    def replicates(self, size: str) -> int:
        """Return the number of replicates of the size with this name (see `number`)."""
        return next(s.replicates for s in self.sizes if number(s.fraction) == size)

    def size_names(self, backbone: str | None = None, up_to: float = 1) -> list[str]:
        """Return the names of the study's sizes, or of a backbone's, up to a fraction."""
        if backbone:
            up_to = min(up_to, self.backbones[backbone].up_to)
        return [number(size.fraction) for size in self.sizes if size.fraction <= up_to]

    def controls(self) -> dict[str, list[str]]:
        """Return backbones with random weights, of each the trained ones that are cut like it."""
        trained = [backbone for backbone in self.backbones.values() if backbone.is_trained]
        return {
            control.name: [backbone.name for backbone in trained if backbone.cut == control.cut]
            for control in self.backbones.values()
            if not control.is_trained
        }

    @property
    def contrast(self) -> tuple[float, float]:
        """Return the sizes whose gains are compared: the report's 1 % and 100 %, or the ends."""
        fractions = [size.fraction for size in self.sizes]
        small, large = min(fractions), max(fractions)
        return (0.01 if 0.01 in fractions and large > 0.01 else small), large

    def scratch_sizes(self) -> dict[str, list[str]]:
        """Return the methods that train a network from scratch, each with its sizes' names."""
        weak = [name for name in self.size_names() if float(name) in self.report_like.sizes]
        every = self.size_names()
        return {"baseline": every, "augmentation": every, "report-like": weak}

    def scratch_network(self, method: str) -> Convolution:
        """Return the network that a method trains from scratch."""
        return self.report_like.network if method == "report-like" else self.baseline.network

    def refits_up_to(self) -> dict[str, float]:
        """Return the methods that train a selected head another way, each up to which fraction."""
        augmented = self.transfer_augmented.up_to
        return {
            "transfer-extended": augmented,
            "transfer-augmented": augmented,
            "fine-tuning": self.fine_tuning.up_to,
        }

    def learning_rates(self, method: str, size: str) -> list[str]:
        """Return the names of the learning rates that a network trained from scratch tries."""
        if method == "report-like":
            return [number(self.report_like.learning_rate)]
        tuned = float(size) <= self.baseline.tuned_up_to
        rates = self.heads.learning_rates if tuned else self.baseline.learning_rates
        return [number(rate) for rate in rates]


def number(value: float) -> str:
    """Return a fraction or rate as paths and wildcards write it: shortest, without exponent.

    >>> number(0.001), number(1.0), number(0.00001)
    ('0.001', '1', '0.00001')
    """
    return f"{Decimal(repr(float(value))).normalize():f}"


@functools.cache
def schema() -> dict[str, Any]:
    """Return the config's JSON schema."""
    return yaml.safe_load(SCHEMA_FILE.read_text())


def check_duplicate_keys(path: Path | str) -> None:
    """Refuse a config file that has a key twice: YAML would take the last without a word.

    Raises:
        ConfigError: it has; the message names key, file and line.
    """
    with Path(path).open("rb") as file:
        try:
            waiting = [yaml.compose(file, yaml.CSafeLoader)]
        except yaml.YAMLError:  # Snakemake has read it all the same, as JSON
            return
    known = set()  # an alias may lead back to what holds it
    while waiting:
        node = waiting.pop()
        if not isinstance(node, yaml.CollectionNode) or node in known:
            continue
        known.add(node)
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
            continue
        keys = set()
        for key, value in node.value:
            name = (key.tag, str(key.value))  # 1 is not "1"
            if name in keys:
                line = key.start_mark.line + 1
                raise ConfigError(
                    f"{shorten(name[1])}: found twice in {path}, line {line}, allowed: once"
                )
            keys.add(name)
            waiting.append(value)


def load(config: Mapping[str, Any]) -> Study:
    """Check a config and return it as a study with every default filled in.

    Args:
        config: the parsed config; it is not changed.

    Raises:
        ConfigError: the first thing wrong, on one line.
    """
    study = _typed(complete(config))
    _check_values(study)
    return study


def complete(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with every default filled in, having checked it against the schema.

    Args:
        config: the parsed config; it is not changed.

    Raises:
        ConfigError: the first thing that the schema refuses, on one line.
    """
    _check_extent(config)
    config = copy.deepcopy(dict(config))
    errors = _FillingValidator(schema()).iter_errors(config)
    if error := next(iter(errors), None):
        raise ConfigError(_one_line(error))
    return config


def _check_extent(config: Mapping[str, Any]) -> None:
    """Refuse a config that is endless once its aliases are followed, before anything does."""
    waiting: list[tuple[Any, int]] = [(config, 0)]
    values = characters = 0
    while waiting:
        value, level = waiting.pop()
        values += 1
        characters += len(value) if isinstance(value, str) else 0
        if values > MAX_VALUES or characters > MAX_CHARACTERS or level > MAX_NESTING:
            raise ConfigError(
                "config: found too much, with what aliases repeat, allowed: at most "
                f"{MAX_VALUES:,} values, {MAX_CHARACTERS:,} characters and {MAX_NESTING} levels"
            )
        if isinstance(value, Mapping):
            waiting += [(each, level + 1) for each in (*value.keys(), *value.values())]
        elif isinstance(value, list | tuple):
            waiting += [(each, level + 1) for each in value]


def _fill_defaults(validator, properties, instance, subschema):
    """Validate `properties`, having set what is missing to its default.

    What is valid is then put into one form, as Snakemake compares it with what results were made
    from: keys in the schema's order, 10 as 10.0 where any number is allowed, `./a/` as `a`.
    """
    if validator.is_type(instance, "object"):
        for key, value in properties.items():
            if "default" in value:
                instance.setdefault(key, copy.deepcopy(value["default"]))
    yield from jsonschema.Draft202012Validator.VALIDATORS["properties"](
        validator, properties, instance, subschema
    )
    if validator.is_type(instance, "object"):
        for key in filter(instance.__contains__, properties):
            instance[key] = _in_one_form(instance.pop(key), properties[key])


def _in_one_form(value: Any, subschema: Mapping[str, Any]) -> Any:
    """Return a valid value: numbers as floats where any is allowed, paths as pathlib has them."""
    if isinstance(value, list):
        return [_in_one_form(item, subschema.get("items", {})) for item in value]
    if subschema.get("format") == "path":
        return str(Path(os.path.expanduser(value)))  # noqa: PTH111 (Path's fails for no user)
    return float(value) if subschema.get("type") == "number" else value


def _match_whole(validator, pattern, instance, subschema):
    """Validate `pattern`, whose $ would let a final newline pass in Python."""
    if validator.is_type(instance, "string") and not re.fullmatch(pattern, instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


def _is_whole_number(checker, value) -> bool:
    """Tell whether a value is an integer; JSON Schema's 20.0 would end up in paths."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite_number(checker, value) -> bool:
    """Tell whether a value is a number; YAML's .nan and .inf would pass every range."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= sys.float_info.max


_FillingValidator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    {"properties": _fill_defaults, "pattern": _match_whole},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_whole_number, "number": _is_finite_number}
    ),
)

_TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    # YAML reads 1e-4 as text, for want of a point.
    "number": "a finite number, such as 0.0001 (not 1e-4)",
    "null": "null",
    "object": "keys with values",
    "string": "text",
}
_ALLOWED = {
    "type": lambda kinds: " or ".join(
        _TYPES[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds)
    ),
    "enum": lambda values: "one of " + ", ".join(map(str, values)),
    "minimum": lambda bound: f"at least {bound}",
    "maximum": lambda bound: f"at most {bound}",
    "exclusiveMinimum": lambda bound: f"greater than {bound}",
    "minItems": lambda count: f"at least {count} value(s)",
    "minLength": lambda count: f"at least {count} character(s)",
    "minProperties": lambda count: f"at least {count} entry",
    "uniqueItems": lambda _: "no value twice",
}


def _one_line(error: jsonschema.ValidationError) -> str:
    """Say what is wrong with the config in one line."""
    key = shorten(error.json_path.removeprefix("$").removeprefix(".") or "config")
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = next(name for name in error.instance if name not in known)
        close = difflib.get_close_matches(shorten(str(unknown)), known, n=1)
        hint = f" (did you mean '{close[0]}'?)" if close else ""
        return f"{key}: found unknown key {found(unknown)}{hint}, allowed: {', '.join(known)}"
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        what = error.schema["properties"].get(missing, {}).get("description")
        return f"{key}: found no key '{missing}', which is required" + (f": {what}" if what else "")
    if error.validator == "pattern":
        return f"{key}: found {found(error.instance)}, allowed: {error.schema['title']}"
    allowed = _ALLOWED[error.validator](error.validator_value)
    return f"{key}: found {found(error.instance)}, allowed: {allowed}"


def _typed(config: dict[str, Any]) -> Study:
    """Build the study from a config that fits the schema."""
    common = ("source", "training_per_class", "validation_per_class", "image_size", "transfer")
    datasets = {
        name: Dataset(
            name=name,
            **{key: values[key] for key in common},
            options={key: value for key, value in values.items() if key not in common},
        )
        for name, values in config["datasets"].items()
    }
    backbones = {name: Backbone(name, **values) for name, values in config["backbones"].items()}
    for name, backbone in backbones.items():  # one layer has one name, so that equal cuts are equal
        if (backbone.architecture, backbone.layer) == ("VGG16", "last"):
            backbones[name] = replace(backbone, layer="block5_pool")
    heads = config["heads"]
    return Study(
        seed=config["seed"],
        results=config["results"].rstrip("/"),
        precision=config["precision"],
        datasets=datasets,
        backbones=backbones,
        sizes=tuple(Size(float(size["fraction"]), size["replicates"]) for size in config["sizes"]),
        heads=Heads(
            **heads
            | {
                "layers": tuple(tuple(layers) for layers in heads["layers"]),
                "activations": tuple(heads["activations"]),
                "learning_rates": tuple(map(float, heads["learning_rates"])),
                "l2": float(heads["l2"]),
            }
        ),
        long_runs=LongRuns(_long_sizes(config), config["long_runs"]["epochs"]),
        baseline=_split(Baseline, config["baseline"]),
        report_like=_split(ReportLike, config["report_like"]),
        augmentation=config["augmentation"],
        transfer_augmented=TransferAugmented(**config["transfer_augmented"]),
        linear_probe=_frozen(LinearProbe, config["linear_probe"]),
        fine_tuning=FineTuning(**config["fine_tuning"]),
        one_shot=_one_shot(config["one_shot"]),
    )


def _long_sizes(config: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the sizes of the long runs: the report's, where the study has them, by default."""
    fractions = [size["fraction"] for size in config["sizes"]]
    chosen = config["long_runs"]["sizes"]
    return tuple(
        chosen if chosen is not None else (size for size in (0.01, 0.001) if size in fractions)
    )


def _one_shot(values: Mapping[str, Any] | None) -> OneShot | None:
    """Build the part on one-shot learning, if there is one."""
    return None if values is None else _frozen(OneShot, values)


def _frozen(kind: type, values: Mapping[str, Any]) -> Any:
    """Build a dataclass, lists made tuples."""
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def _split(kind: type, values: Mapping[str, Any]) -> Any:
    """Build a dataclass whose field `network` has some of the values."""
    shape = {field.name for field in dataclasses.fields(Convolution)}
    network = _frozen(Convolution, {key: values[key] for key in shape})
    others = {key: value for key, value in values.items() if key not in shape}
    return _frozen(kind, {"network": network, **others})


def _check_values(study: Study) -> None:
    """Refuse what the schema cannot see: values that do not fit each other."""
    results = Path(study.results)
    if results.parts[0] in CHECKOUT:
        raise ConfigError(
            f"results: found '{shorten(study.results)}', allowed: a folder outside of "
            f"{', '.join(CHECKOUT)}"
        )
    if any(map(_is_file, (results, *results.parents))):
        raise ConfigError(
            f"results: found '{shorten(study.results)}', allowed: a folder, not a file"
        )
    fractions = [size.fraction for size in study.sizes]
    for index, fraction in enumerate(fractions):
        if fraction in fractions[:index]:
            raise ConfigError(
                f"sizes[{index}].fraction: found {number(fraction)} twice, allowed: once"
            )
    chosen = {"long_runs": study.long_runs.sizes, "report_like": study.report_like.sizes}
    for key, sizes in chosen.items():
        for index, fraction in enumerate(sizes):
            if fraction not in fractions:
                raise ConfigError(
                    f"{key}.sizes[{index}]: found {number(fraction)}, allowed: one of the sizes' "
                    f"fractions {', '.join(map(number, fractions))}"
                )
    for backbone in study.backbones.values():
        if backbone.name == FROM_SCRATCH:
            raise ConfigError(
                f"backbones.{backbone.name}: found the name of no backbone, allowed: any other"
            )
        smallest = SMALLEST_INPUT.get(backbone.architecture, 32)
        if backbone.input_size < smallest:
            raise ConfigError(
                f"backbones.{backbone.name}.input_size: found {backbone.input_size}, allowed: at "
                f"least {smallest} for {backbone.architecture}"
            )
        if backbone.weights not in ("imagenet", "none") and not _is_file(backbone.weights):
            raise ConfigError(
                f"backbones.{backbone.name}.weights: found {found(backbone.weights)}, which is no "
                "file, allowed: imagenet, none or the path of a file of weights"
            )
    trained = [backbone for backbone in study.backbones.values() if backbone.is_trained]
    if not trained:
        raise ConfigError(
            "backbones: found only random weights, which have nothing to transfer, allowed: at "
            "least one with other weights"
        )
    largest = max(trained, key=lambda backbone: backbone.up_to)
    if largest.up_to < min(fractions):
        raise ConfigError(
            f"backbones.{largest.name}.up_to: found {number(largest.up_to)}, and so no trained "
            f"backbone for any size, allowed: at least {number(min(fractions))}"
        )
    if study.fine_tuning.up_to and not any(
        backbone.fine_tune_from for backbone in study.backbones.values()
    ):
        raise ConfigError(
            f"fine_tuning.up_to: found {number(study.fine_tuning.up_to)}, allowed: 0 where no "
            "backbone has fine_tune_from"
        )
    if not any(dataset.transfer for dataset in study.datasets.values()):
        raise ConfigError("datasets: found none with transfer: true, allowed: at least one")
    for dataset in study.datasets.values():
        _check_dataset(study, dataset, fractions)
    if study.one_shot:
        _check_one_shot(study, study.one_shot)


def _is_file(path: Path | str) -> bool:
    """Tell whether there is a file; of a name that no system takes, too."""
    return os.path.isfile(path)  # noqa: PTH113 (Path's fails for a name too long)


def _check_one_shot(study: Study, one_shot: OneShot) -> None:
    """Refuse one-shot learning of what is not there, or too small for it."""
    known = {"target": study.datasets, "related": study.datasets, "backbone": study.backbones}
    for key, names in known.items():
        name = getattr(one_shot, key)
        if name is not None and name not in names:
            raise ConfigError(
                f"one_shot.{key}: found {found(name)}, allowed: one of the study's "
                f"{', '.join(names)}"
            )
    if one_shot.related == one_shot.target:
        raise ConfigError(
            f"one_shot.related: found '{one_shot.related}', the target itself, allowed: another "
            "dataset, or null"
        )
    related = study.datasets[one_shot.related] if one_shot.related else None
    if related and related.training_per_class == 1:
        raise ConfigError(
            f"datasets.{related.name}.training_per_class: found 1, allowed: at least 2, of which "
            "one_shot makes pairs"
        )
    if "1" not in study.size_names(one_shot.backbone):
        raise ConfigError(
            f"one_shot.backbone: found '{one_shot.backbone}', which not all images pass, allowed: "
            "one with up_to: 1, and 1 among the sizes' fractions"
        )
    target = study.datasets[one_shot.target]
    limits = {
        "seen_classes": (2, target.class_count and target.class_count - 2, "classes"),
        "per_class": (2, target.training_per_class, "training images of a class"),
        "test_per_class": (
            max(one_shot.shots) + one_shot.queries,
            target.validation_per_class,
            "validation images of a class, with shots and queries of an episode at least",
        ),
    }
    for key, (least, most, what) in limits.items():
        value = getattr(one_shot, key)
        if value < least or (most is not None and value > most):
            upper = "" if most is None else f" and at most {most}"
            raise ConfigError(
                f"one_shot.{key}: found {value}, allowed: at least {least}{upper} ({what} of "
                f"{target.name})"
            )


def _check_dataset(study: Study, dataset: Dataset, fractions: list[float]) -> None:
    """Refuse a dataset that is not there, or too small for the study."""
    path = dataset.options.get("path")
    # Opening a pipe would wait for ever.
    if path is not None and not (_is_file(path) or os.path.isdir(path)):  # noqa: PTH112
        what = schema()["$defs"][dataset.source]["properties"]["path"]["description"]
        there = "neither a file nor a folder" if os.path.lexists(path) else "nothing"
        raise ConfigError(
            f"datasets.{dataset.name}.path: found {there} at {found(path)}, allowed: {what}"
        )
    if path is not None and Path(study.results).resolve().is_relative_to(Path(path).resolve()):
        raise ConfigError(
            f"results: found '{shorten(study.results)}', allowed: a folder outside of the "
            f"images of {dataset.name}"
        )
    free = dataset.options.get("identities") == "free"
    if free and dataset.options.get("validation") == "by-character":
        raise ConfigError(
            f"datasets.{dataset.name}.validation: found 'by-character', allowed: 'by-image' where "
            "identities are free: every image is a character of its own"
        )
    if not dataset.transfer:
        return
    if dataset.validation_per_class is not None and dataset.validation_per_class < 2:
        raise ConfigError(
            f"datasets.{dataset.name}.validation_per_class: found {dataset.validation_per_class}, "
            "allowed: at least 2 where transfer is true"
        )
    for key, network in (
        ("baseline", study.baseline.network),
        *([("report_like", study.report_like.network)] if study.report_like.sizes else []),
    ):
        if -(-dataset.image_size // network.stride) < network.pooling:
            raise ConfigError(
                f"{key}.pooling: found {network.pooling}, which with stride {network.stride} "
                f"leaves nothing of {dataset.name}'s {dataset.image_size} pixels, allowed: at most "
                f"{-(-dataset.image_size // network.stride)}"
            )
    if dataset.training_per_class is None:
        return
    for index, fraction in enumerate(fractions):
        if fraction * dataset.training_per_class < 0.5:  # rounds to no image
            raise ConfigError(
                f"sizes[{index}].fraction: found {number(fraction)}, which leaves the classes "
                f"of {dataset.name} without a sample, allowed: at least one of their "
                f"{dataset.training_per_class} training images each"
            )
    if dataset.class_count is None:
        return
    images = dataset.training_per_class * dataset.class_count
    if study.heads.batch_size > images:
        raise ConfigError(
            f"heads.batch_size: found {study.heads.batch_size}, allowed: at most the "
            f"{images} training images of {dataset.name}"
        )
