"""Any config is loaded as a study, or refused in one line that says what is wrong."""

import copy
import math
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from configs import ROOT, STUDIES, mutated
from transfer_gain.config.datasets import Dataset
from transfer_gain.config.errors import RENAMED, ConfigError
from transfer_gain.config.loading import check_duplicate_keys, complete, load


def refusal(config) -> str:
    """Return the one line that a config is refused with."""
    with pytest.raises(ConfigError) as error:
        load(config)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


# --- What is loaded ---


def test_config_yaml_is_the_default_study():
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    one_shot = config.pop("one_shot")
    assert load(config) == load({})
    # One-shot learning names its datasets, so only a study that names them has it.
    assert one_shot == {"target": "avatars", "related": "peeps", "backbone": "vgg16"}
    assert load({"one_shot": one_shot}).one_shot is not None


@pytest.mark.parametrize(
    "text",
    ["a: &a {b: *a}", "? [a, b]\n: 1", '{1: a, "1": b}', '{"path": "\\ud83d\\ude00"}', "a: [1, 1]"],
)
def test_a_file_without_duplicate_keys_passes(text, tmp_path):
    (tmp_path / "study.yaml").write_text(text)
    check_duplicate_keys(tmp_path / "study.yaml")


@pytest.mark.parametrize(("text", "line"), [("a: 1\na: 2", 2), ("x: [{b: 1, b: 2}]", 1)])
def test_a_duplicate_key_is_refused(text, line, tmp_path):
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(
        ConfigError, match=rf"found twice in .*study\.yaml, line {line}, allowed: once"
    ):
        check_duplicate_keys(tmp_path / "study.yaml")


def test_paths_are_taken_as_a_shell_would(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").mkdir()
    study = load({"datasets": {"mine": {"source": "folder", "path": "~/./mine/"}}})
    assert study.datasets["mine"].options["path"] == str(tmp_path / "mine")


@pytest.mark.parametrize("results", ["mine", "mine/results"])
def test_results_among_the_images_are_refused(results, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    config = {"results": results, "datasets": {"mine": {"source": "folder", "path": "mine"}}}
    assert refusal(config).startswith(f"results: found '{results}', allowed: a folder outside of")


@pytest.mark.parametrize("results", ["taken", "taken/below"])
def test_results_in_the_place_of_a_file_are_refused(results, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("taken").touch()
    assert (
        refusal({"results": results})
        == f"results: found '{results}', allowed: a folder, not a file"
    )


def test_a_missing_archive_is_reported_with_where_to_request_it_and_an_alternative():
    with pytest.raises(ConfigError) as refused:
        load({"datasets": {"faces": {"source": "ferg", "path": "nowhere.zip"}}})
    said = str(refused.value)
    assert said.startswith("datasets.faces.path: found nothing at 'nowhere.zip'")
    assert "http" in said
    assert "source: avatars" in said


def test_free_identities_have_no_characters_to_hold_out():
    free = {"source": "avatars", "identities": "free", "validation": "by-character"}
    with pytest.raises(ConfigError, match=r"faces\.validation: found 'by-character'"):
        load({"datasets": {"faces": free}})


@pytest.fixture
def with_images(tmp_path, monkeypatch):
    """Work in a folder that contains the user's images."""
    monkeypatch.chdir(tmp_path)
    for given_by_the_user in ("FERG_DB_256.zip", "jaffe.zip", "my-images"):
        Path(given_by_the_user).touch()


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_every_study_of_the_repository_loads(file, with_images):
    load(yaml.safe_load(file.read_text()))


@pytest.mark.parametrize("file", [ROOT / "config.yaml", *STUDIES], ids=lambda file: file.stem)
def test_a_complete_config_describes_the_same_study_and_stays_as_it_is(file, with_images):
    config = yaml.safe_load(file.read_text())
    filled = complete(config)
    assert load(filled) == load(config)
    assert repr(complete(filled)) == repr(filled)
    assert repr(complete(yaml.safe_load(yaml.safe_dump(filled, sort_keys=False)))) == repr(filled)


def test_defaults_fill_in_what_is_left_out():
    study = load({"heads": {"epochs": 7}})
    assert (study.seed, study.precision, study.heads.epochs) == (2018, "auto", 7)
    assert study.heads.layers == load({}).heads.layers
    assert list(study.datasets) == ["clothes", "avatars", "peeps"]
    assert [dataset.name for dataset in study.datasets.values()] == list(study.datasets)


@pytest.mark.parametrize(
    ("fractions", "expected"),
    [([1, 0.1], ()), ([1, 0.01], (0.01,)), ([0.001, 0.01, 1], (0.01, 0.001))],
)
@pytest.mark.parametrize("long_runs", [{}, {"long_runs": {}}, {"long_runs": {"fractions": None}}])
def test_long_runs_are_at_the_small_fractions_that_the_study_has(fractions, expected, long_runs):
    config = {"fractions": [fraction(value) for value in fractions], **long_runs}
    assert load(config).long_runs.fractions == expected
    assert complete(config)["long_runs"]["fractions"] == list(expected)


def test_no_long_runs_are_asked_for_by_an_empty_list():
    assert load({"long_runs": {"fractions": []}}).long_runs.fractions == ()


def test_images_are_made_from_name_common_settings_and_options():
    clothes, avatars, _ = load({}).datasets.values()
    assert list(clothes.settings()) == [
        *("name", "source", "training_per_class", "validation_per_class", "image_size"),
        *("transfer", "options"),
    ]
    assert clothes.settings()["name"] == "clothes"
    assert list(clothes.settings()["options"]) == ["classes"]
    assert avatars.settings()["options"] == {"identities": "six", "validation": "by-image"}


def test_every_source_is_one_of_the_study_s_models():
    sources = {model.model_fields["source"].annotation for model in Dataset.__subclasses__()}
    for source in sources:
        (name,) = source.__args__
        config = {"datasets": {"mine": {"source": name, "path": "."}}}
        assert "source" not in refusal(config).partition(", allowed")[0]


def test_the_study_of_2018_is_recognised(with_images):
    study = load(yaml.safe_load((ROOT / "workflow/studies/paper-2018.yaml").read_text()))
    assert [dataset.matches_2018 for dataset in study.datasets.values()] == [True, True, False]
    assert study.backbones["vgg16"].matches_2018
    study = load({"datasets": {"mine": {"source": "fashion-mnist", "image_size": 32}}})
    assert not study.datasets["mine"].matches_2018


def test_methods_that_train_from_scratch_have_fractions_rates_and_networks():
    baseline_2018 = {"fractions": [0.001, 1], "learning_rate": 0.5}
    study = load({"baseline_2018": baseline_2018})
    every = ["1", "0.1", "0.01", "0.001"]
    assert study.scratch_fractions() == {
        "baseline": every,
        "augmentation": every,
        "baseline-2018": ["1", "0.001"],
    }
    assert study.learning_rates("baseline-2018", "1") == ["0.5"]
    assert study.learning_rates("baseline", "0.1") == ["0.001"]
    assert study.learning_rates("augmentation", "0.01") == ["0.01", "0.001", "0.0001"]
    names = ["filters", "kernel", "stride", "pooling", "units", "activation"]
    assert list(study.scratch_network("baseline").settings()) == names
    weak = study.scratch_network("baseline-2018")
    assert (weak.filters, weak.units, weak.activation) == (8, (), "sigmoid")


def test_a_siamese_network_is_trained_for_each_batch_size_and_epoch_unit():
    one_shot = load(
        {"one_shot": {"target": "avatars", "related": "peeps", "backbone": "vgg16"}}
    ).one_shot
    trainings = [tuple(training.values()) for training in one_shot.trainings()]
    assert trainings == [
        *(("first", "36", unit) for unit in ("batch", "pass")),
        *(("second", batch, unit) for batch in ("96", "198") for unit in ("batch", "pass")),
    ]
    assert [one_shot.epochs("first", unit) for unit in ("batch", "pass")] == [50, 10]
    assert [one_shot.epochs("second", unit) for unit in ("batch", "pass")] == [50, 50]


def test_loading_changes_nothing_of_what_it_is_given():
    given_config = {"datasets": {"clothes": {"source": "fashion-mnist"}}}
    load(given_config)
    assert given_config == {"datasets": {"clothes": {"source": "fashion-mnist"}}}


def test_whole_numbers_are_taken_where_numbers_are():
    config = {
        "heads": {"learning_rates": [1], "l2": 0},
        "fractions": [{"fraction": 1, "replicates": 1}],
    }
    study = load(config | {"long_runs": {"fractions": [1]}})
    values = [*study.heads.learning_rates, study.heads.l2, *study.long_runs.fractions]
    assert [repr(value) for value in values] == ["1.0", "0.0", "1.0"]


def other_form(value):
    """Return a config with its keys in another order and its whole decimals as integers."""
    if isinstance(value, dict):
        return {key: other_form(value[key]) for key in reversed(value)}
    if isinstance(value, list):
        return [other_form(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def in_order(config):
    """Return a config with its names sorted: their order is the user's and affects no job."""
    return config | {
        key: dict(sorted(config[key].items())) for key in ("datasets", "backbones") if key in config
    }


def as_decimals(value, like):
    """Return a config with integers as decimals where the study has decimals."""
    if isinstance(value, dict):
        return {key: as_decimals(item, like[key]) for key, item in value.items()}
    if isinstance(value, list):
        return [as_decimals(item, one) for item, one in zip(value, like, strict=True)]
    return float(value) if isinstance(like, float) else value


WHOLE = {  # a whole number wherever any number is allowed
    "backbones": {
        "mine": {"architecture": "VGG16", "max_fraction": 1, "fine_tune_from": "block5_conv1"}
    },
    "fractions": [{"fraction": 1, "replicates": 2}],
    "heads": {"learning_rates": [1, 2], "l2": 0},
    "long_runs": {"fractions": [1]},
    "baseline": {"max_tuned_fraction": 1, "learning_rates": [1]},
    "baseline_2018": {"fractions": [1], "learning_rate": 1},
    "augmentation": {"rotation": 10, "shift": 0, "zoom": 0, "shear": 5},
    "transfer_augmented": {"max_fraction": 1},
    "linear_probe": {"max_fraction": 0, "l2": [1, 10]},
    "fine_tuning": {"max_fraction": 1, "learning_rate": 1},
}


@pytest.mark.parametrize("section", [*WHOLE, "datasets"])
def test_equal_settings_give_equal_params_however_they_are_written(section):
    config = complete({key: copy.deepcopy(WHOLE[key]) for key in WHOLE})
    forms = [WHOLE, config, other_form(config), as_decimals(other_form(config), config)]
    assert repr(forms[1]) != repr(forms[2]) != repr(forms[3])
    for make in (lambda form: load(form).settings(), complete):
        assert len({repr(in_order(make(form))[section]) for form in forms}) == 1


def test_a_control_is_one_of_the_backbones_that_are_cut_like_it_however_that_is_written():
    control = {"architecture": "VGG16", "weights": "none", "layer": "block5_pool"}
    other = {"architecture": "VGG16", "layer": "block4_pool"}
    study = load(
        {"backbones": {"vgg16": {"architecture": "VGG16"}, "other": other, "untrained": control}}
    )
    assert study.controls() == {"untrained": ["vgg16"]}


# --- What is refused, and how ---


def dataset(**values) -> dict:
    return {"datasets": {"mine": {"source": "fashion-mnist", **values}}}


def backbone(**values) -> dict:
    return {"backbones": {"mine": {"architecture": "VGG16", **values}}}


def fraction(value, replicates=1) -> dict:
    return {"fraction": value, "replicates": replicates}


def one_shot(**values) -> dict:
    return {"one_shot": {"target": "avatars", "backbone": "vgg16", **values}}


RATES = "heads.learning_rates"
FINITE = "a finite number, such as 0.0001 (not 1e-4)"
NAME = "lower-case letters, digits and hyphens"

REFUSED = {
    # Unknown keys, at every level.
    "top": ({"sed": 1}, "config", "'sed' (did you mean 'seed'?)", "seed, results,"),
    "number as key": ({1: 2}, "config", "unknown key 1", "seed, results,"),
    "heads": ({"heads": {"learning_rate": []}}, "heads", "did you mean 'learning_rates'", "layers"),
    "long runs": ({"long_runs": {"epoch": 2}}, "long_runs", "did you mean 'epochs'", "fractions,"),
    "dataset": (dataset(clases=[]), "datasets.mine", "did you mean 'classes'", "transfer, classes"),
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
    "half": (
        {"baseline_2018": {"sizes": [1]}},
        "baseline_2018.sizes: found the old name 'baseline_2018.sizes', allowed: "
        "'baseline_2018.fractions'",
    ),
    "of backbones": (
        {"backbones": {"a": {"up_to": 1}, "b": {"max_fraction": 1}}, "linear_probe": {"up_to": 1}},
        "backbones.a.up_to: found the old names 'backbones.a.up_to', 'linear_probe.up_to', "
        "allowed: 'backbones.a.max_fraction', 'linear_probe.max_fraction'",
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


# --- Whatever the config ---


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(mutated())
@example({"heads": {"learning_rates": [10**400]}})
@example({"results": "results\n"})
@example({"backbones": {"a": {"architecture": "VGG16", "weights": "\n"}}})
@example({"datasets": {"a": {"source": "folder", "path": "\n"}}})
def test_any_config_is_loaded_or_refused_in_one_line(config):
    try:
        study = load(config)
    except ConfigError as error:
        assert re.fullmatch(r"[^\n]+: found [^\n]+", str(error))
        return
    # Loaded names match the wildcards of the rules.
    for configuration in study.heads.configurations():
        assert re.fullmatch(r"[0-9-]+", configuration["layers"])
        assert re.fullmatch(r"[0-9.]+", configuration["learning_rate"])
    assert re.fullmatch(r"[\w./-]*\w[\w.-]*", study.paths.results)


@st.composite
def respelt(draw, value):
    """Draw another way to write a config: keys in another order, whole decimals as integers."""
    if isinstance(value, dict):
        keys = draw(st.permutations(list(value)))
        return {key: draw(respelt(value[key])) for key in keys}
    if isinstance(value, list):
        return [draw(respelt(item)) for item in value]
    if isinstance(value, float) and value.is_integer() and draw(st.booleans()):
        return int(value)
    return value


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.data(), mutated())
def test_key_order_and_number_spelling_do_not_matter(data, config):
    try:
        filled = complete(config)
    except ConfigError:
        filled = complete(WHOLE)
    again = complete(data.draw(respelt(filled)))
    assert again == filled
    assert repr(in_order(again)) == repr(in_order(filled))
