"""What the config refuses: one line that names the key, what was found and what is allowed."""

import math

import pytest

from configs import fraction, refusal
from transfer_gain.config.errors import RENAMED
from transfer_gain.config.loading import complete, load


def dataset(**values) -> dict:
    return {"datasets": {"mine": {"source": "fashion-mnist", **values}}}


def backbone(**values) -> dict:
    return {"backbones": {"mine": {"architecture": "VGG16", **values}}}


def one_shot(**values) -> dict:
    return {"one_shot": {"target": "avatars", "backbone": "vgg16", **values}}


RATES = "heads.learning_rates"
FINITE = "a finite number, such as 0.0001 (not 1e-4)"
NAME = "lower-case letters, digits and hyphens"

REFUSED = {
    "target of losses": (
        {"metric": "loss", "target_accuracy": 0.9},
        "target_accuracy",
        "0.9 with metric: loss",
        "a metric from 0 to 1 of which more is better",
    ),
    "target of all": ({"target_accuracy": 1}, "target_accuracy", "1", "1"),
    # Unknown keys, at every level.
    "top": ({"sed": 1}, "config", "'sed' (did you mean 'seed'?)", "seed, results,"),
    "number as key": ({1: 2}, "config", "unknown key 1", "seed, results,"),
    "heads": ({"heads": {"learning_rate": []}}, "heads", "did you mean 'learning_rates'", "layers"),
    "long runs": ({"long_runs": {"epoch": 2}}, "long_runs", "did you mean 'epochs'", "fractions,"),
    "dataset": (dataset(clases=[]), "datasets.mine", "did you mean 'classes'", "transfer, aug"),
    "backbone": (backbone(layers=1), "backbones.mine", "did you mean 'layer'", "weights, layer"),
    "entry": (
        {"fractions": [fraction(1) | {"replicate": 2}]},
        "fractions[0]",
        "did you mean 'replicates'",
        "fraction, replicates",
    ),
    # Missing keys.
    "no source": ({"datasets": {"mine": {}}}, "datasets.mine", "no key 'source'", "required"),
    "no architecture": ({"backbones": {"a": {}}}, "backbones.a", "no key 'architecture'", "requir"),
    "no replicates": (
        {"fractions": [{"fraction": 1}]},
        "fractions[0]",
        "no key 'replicates'",
        "required",
    ),
    # Wrong types.
    "text for seed": ({"seed": "one"}, "seed", "'one'", "a whole number"),
    "decimal seed": ({"seed": 20.0}, "seed", "20.0", "a whole number"),
    "yes for seed": ({"seed": True}, "seed", "True", "a whole number"),
    "decimal units": (
        {"heads": {"layers": [[9.5]]}},
        "heads.layers[0][0]",
        "9.5",
        "a whole number",
    ),
    "nothing": ({"heads": None}, "heads", "None", "keys with values"),
    "one value": ({"heads": {"learning_rates": 0.1}}, RATES, "0.1", "a list"),
    "1e-4": ({"heads": {"learning_rates": ["1e-4"]}}, f"{RATES}[0]", "'1e-4'", FINITE),
    "nan": ({"heads": {"learning_rates": [math.nan]}}, f"{RATES}[0]", "nan", FINITE),
    "inf": ({"heads": {"l2": math.inf}}, "heads.l2", "inf", FINITE),
    "beyond floats": ({"heads": {"l2": 10**400}}, "heads.l2", "1000", FINITE),
    # Out of range.
    "rate 0": ({"heads": {"learning_rates": [0.1, 0]}}, f"{RATES}[1]", "0", "greater than 0"),
    "rate < 0": ({"heads": {"learning_rates": [-0.1]}}, f"{RATES}[0]", "-0.1", "greater than 0"),
    "fraction": ({"fractions": [fraction(1.5)]}, "fractions[0].fraction", "1.5", "at most 1"),
    "replicates": ({"fractions": [fraction(1, 0)]}, "fractions[0].replicates", "0", "at least 1"),
    "images": (
        dataset(training_per_class=6001),
        "datasets.mine.training_per_class",
        "6001",
        "at most 6000",
    ),
    "no fraction": ({"fractions": []}, "fractions", "[]", "at least 1 value"),
    "no dataset": ({"datasets": {}}, "datasets", "{}", "at least 1 entry"),
    "one class": (dataset(classes=["bag"]), "datasets.mine.classes", "['bag']", "at least 2"),
    "no layer": (backbone(layer=""), "backbones.mine.layer", "''", "at least 1 character"),
    # Unknown values.
    "architecture": (
        backbone(architecture="VGG61"),
        "backbones.mine.architecture",
        "'VGG61'",
        "one of VGG16",
    ),
    "source": (dataset(source="cifar"), "datasets.mine.source", "'cifar'", "one of fashion-mnist"),
    "class": (dataset(classes=["bag", "hat"]), "datasets.mine.classes[1]", "'hat'", "one of t-sh"),
    "activation": ({"heads": {"activations": ["gelu"]}}, "heads.activations[0]", "'gelu'", "elu"),
    "precision": ({"precision": "float16"}, "precision", "'float16'", "auto, float32, bfloat16"),
    # Names that cannot be paths.
    "dataset name": ({"datasets": {"A b": {}}}, "datasets", "'A b'", NAME),
    "number as name": ({"datasets": {2018: {}}}, "datasets", "2018", "text"),
    "name with _": ({"backbones": {"a_b": {}}}, "backbones", "'a_b'", NAME),
    "name with newline": ({"backbones": {"a\n": {}}}, "backbones", r"'a\n'", NAME),
    "absolute": ({"results": "/tmp/results"}, "results", "'/tmp/results'", "relative path"),
    "elsewhere": ({"results": "results/../.."}, "results", "'results/../..'", "relative path"),
    # Duplicate values.
    "rate twice": (
        {"heads": {"learning_rates": [0.1, 0.10]}},
        RATES,
        "[0.1, 0.1]",
        "no value twice",
    ),
    "layers twice": (
        {"heads": {"layers": [[5], [5]]}},
        "heads.layers",
        "[[5], [5]]",
        "no value tw",
    ),
    "class twice": (dataset(classes=["bag", "bag"]), "datasets.mine.classes", "bag", "no value tw"),
    "fraction twice": (
        {"fractions": [fraction(1), fraction(1.0, 2)]},
        "fractions[1].fraction",
        "1 twice",
        "once",
    ),
    # Values that contradict each other.
    "long runs elsewhere": (
        {"long_runs": {"fractions": [0.1, 0.5]}},
        "long_runs.fractions[1]",
        "0.5",
        "1, 0.1, 0.01, 0.001",
    ),
    "no sample": (
        {"fractions": [fraction(1), fraction(0.00008)], "long_runs": {"fractions": []}},
        "fractions[1].fraction",
        "0.00008",
        "at least one of their 6000 training images",
    ),
    # One-shot learning.
    "one-shot key": (one_shot(batch=1), "one_shot", "did you mean 'batches'", "target, related"),
    "one-shot target": (
        one_shot(target="faces"),
        "one_shot.target",
        "'faces'",
        "clothes, avatars, peeps",
    ),
    "no target": ({"one_shot": {}}, "one_shot", "no key 'target'", "required"),
    "related": (
        one_shot(related="jaffe"),
        "one_shot.related",
        "'jaffe'",
        "clothes, avatars, peeps",
    ),
    "itself": (
        one_shot(related="avatars"),
        "one_shot.related",
        "'avatars'",
        "another dataset, or n",
    ),
    "one-shot backbone": (
        one_shot(backbone="resnet"),
        "one_shot.backbone",
        "'resnet'",
        "vgg16, vgg16-random",
    ),
    "backbone of some images": (
        one_shot(backbone="vgg16-random"),
        "one_shot.backbone",
        "'vgg16-random'",
        "max_fraction: 1",
    ),
    "fractions of the control alone": (
        {
            "backbones": {
                "vgg16": {"architecture": "VGG16", "max_fraction": 0.0001},
                "untrained": {"architecture": "VGG16", "weights": "none"},
            }
        },
        "backbones.vgg16.max_fraction",
        "0.0001",
        "at least 0.001",
    ),
    "all classes seen": (one_shot(seen_classes=6), "one_shot.seen_classes", "6", "at most 5"),
    "images of a class": (one_shot(per_class=6001), "one_shot.per_class", "6001", "at most 6000"),
    "tested images": (one_shot(test_per_class=14), "one_shot.test_per_class", "14", "at least 15"),
    "variant": (one_shot(variants=["magic"]), "one_shot.variants[0]", "'magic'", "square-root"),
    "few tasks": (one_shot(tasks=100), "one_shot.tasks", "100", "at least 320"),
    "batch": (
        {"heads": {"batch_size": 42001}},
        "heads.batch_size",
        "42001",
        "at most the 42000 training images of clothes",
    ),
}


@pytest.mark.parametrize(("config", "key", "found", "allowed"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_names_the_key_what_was_found_and_what_is_allowed(config, key, found, allowed):
    named, _, rest = refusal(config).partition(": found ")
    assert named == key
    said_found, _, said_allowed = rest.partition(", allowed: " if "allowed" in rest else ", ")
    assert found in said_found
    assert allowed in said_allowed


def test_a_fraction_that_rounds_to_one_image_and_a_batch_of_all_images_are_taken():
    config = dataset(training_per_class=5, classes=["bag", "dress"], validation_per_class=2)
    config |= {
        "fractions": [fraction(0.1)],
        "heads": {"batch_size": 10},
        "long_runs": {"fractions": []},
    }
    assert load(config).heads.batch_size == 10


OLD_NAMES = {
    "fractions": (
        {"sizes": [fraction(1)]},
        "sizes: found the old name 'sizes', allowed: 'fractions'",
    ),
    "long runs": (
        {"long_runs": {"sizes": []}},
        "long_runs.sizes: found the old name 'long_runs.sizes', allowed: 'long_runs.fractions'",
    ),
    "all": (
        {"sizes": [], "long_runs": {"sizes": []}, "report_like": {"sizes": [1]}},
        "sizes: found the old names 'sizes', 'long_runs.sizes', 'report_like', "
        "'report_like.sizes', allowed: 'fractions', 'long_runs.fractions', 'baseline_2018', "
        "'baseline_2018.fractions'",
    ),
    "of backbones": (
        {"backbones": {"a": {"up_to": 1}, "b": {"max_fraction": 1}}, "linear_probe": {"up_to": 1}},
        "backbones.a.up_to: found the old names 'backbones.a.up_to', 'linear_probe.up_to', "
        "allowed: 'backbones.a.max_fraction', 'linear_probe.max_fraction'",
    ),
    "half": (
        {"baseline_2018": {"sizes": [1]}},
        "baseline_2018.sizes: found the old name 'baseline_2018.sizes', allowed: "
        "'baseline_2018.fractions'",
    ),
}


@pytest.mark.parametrize(("config", "said"), OLD_NAMES.values(), ids=OLD_NAMES)
def test_an_old_name_of_a_key_is_refused_with_the_new_one(config, said):
    assert refusal(config) == said


def test_new_names_are_keys_of_the_config():
    config = complete({})
    for new in RENAMED.values():
        holder = config
        for key in new.split("."):
            holder = holder[next(iter(holder)) if key == "*" else key]


def test_a_long_value_is_cut_short():
    said = refusal({"seed": "x" * 10_000})
    assert len(said) < 300
    assert said.endswith("…, allowed: a whole number")


def test_an_integer_too_long_to_be_written_is_refused_in_one_line():
    assert refusal({"datasets": 1 << 100_000}).startswith("datasets: found a huge number")


def test_huge_numbers_of_images_are_compared_like_others():
    many = {"source": "avatars", "training_per_class": 10**400}
    assert load({"datasets": {"avatars": many}}).datasets["avatars"].training_per_class == 10**400
    large = {"source": "avatars", "image_size": 10**400}
    assert refusal({"datasets": {"avatars": large}}).endswith("at most 1024")


def test_a_misspelt_key_is_reported_rather_than_the_missing_one():
    assert "did you mean 'architecture'" in refusal({"backbones": {"a": {"arhitecture": "VGG16"}}})
