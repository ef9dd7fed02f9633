import copy
import dataclasses
import math
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from transfer_gain.config import reference
from transfer_gain.config.study import (
    Backbone,
    Baseline,
    Baseline2018,
    ConfigError,
    Convolution,
    Dataset,
    FineTuning,
    Heads,
    LinearProbe,
    LongRuns,
    OneShot,
    Paths,
    Study,
    TransferAugmented,
    check_duplicate_keys,
    complete,
    load,
    number,
)
from transfer_gain.data.sources import fashion_mnist

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "configuration.md"
SECTIONS = {section.title: section for section in reference.sections()}
SOURCES = [section for title, section in SECTIONS.items() if "with `source:" in title]


def refusal(config) -> str:
    """Return the one line that a config is refused with."""
    with pytest.raises(ConfigError) as error:
        load(config)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


# --- One source for keys, defaults and reference ---


def test_config_yaml_is_the_default_study():
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    one_shot = config.pop("one_shot")
    assert load(config) == load({})
    # One-shot learning is about datasets by name, and so of no study that does not say which.
    assert one_shot == {"target": "avatars", "related": "peeps", "backbone": "vgg16"}
    assert load({"one_shot": one_shot}).one_shot is not None


@pytest.mark.parametrize(
    "text",
    ["a: &a {b: *a}", "? [a, b]\n: 1", '{1: a, "1": b}', '{"path": "\\ud83d\\ude00"}', "a: [1, 1]"],
)
def test_what_has_no_key_twice_passes(text, tmp_path):
    (tmp_path / "study.yaml").write_text(text)
    check_duplicate_keys(tmp_path / "study.yaml")


@pytest.mark.parametrize(("text", "line"), [("a: 1\na: 2", 2), ("x: [{b: 1, b: 2}]", 1)])
def test_a_key_that_is_there_twice_is_refused(text, line, tmp_path):
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


def test_a_missing_archive_is_told_with_where_it_is_asked_for_and_what_needs_none():
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


def test_the_reference_is_made_from_the_schema():
    assert REFERENCE.read_text() == reference.write(), f"make it anew: {reference.COMMAND}"


def test_the_reference_shows_the_default_study_in_full():
    example = re.findall(r"```yaml\n(.*?)```", REFERENCE.read_text(), re.DOTALL)[-1]
    assert yaml.safe_load(example) == complete({})


@pytest.mark.parametrize("section", [*SECTIONS.values()], ids=[*SECTIONS])
def test_every_key_is_described_and_has_a_default_or_is_required(section):
    for key, schema in section.keys.items():
        assert schema["description"].endswith("."), key
        assert ("default" in schema) != (key in section.required), key


def fields(typed, *without) -> set[str]:
    return {field.name for field in dataclasses.fields(typed)} - set(without)


def test_every_key_reaches_the_study():
    nested = {
        "datasets",
        "backbones",
        "fractions",
        "heads",
        "long_runs",
        "baseline",
        "baseline_2018",
    }
    nested |= {"augmentation", "transfer_augmented", "linear_probe", "fine_tuning", "one_shot"}
    assert fields(Study) == {*SECTIONS["The study"].keys, *nested}
    assert fields(Heads) == {*SECTIONS["`heads`"].keys}
    assert fields(LongRuns) == {*SECTIONS["`long_runs`"].keys}
    shape = fields(Convolution)
    assert fields(Baseline, "network") | shape == {*SECTIONS["`baseline`"].keys}
    assert fields(Baseline2018, "network") | shape == {*SECTIONS["`baseline_2018`"].keys}
    assert fields(TransferAugmented) == {*SECTIONS["`transfer_augmented`"].keys}
    assert fields(LinearProbe) == {*SECTIONS["`linear_probe`"].keys}
    assert fields(OneShot) == {*SECTIONS["`one_shot`"].keys}
    assert fields(FineTuning) == {*SECTIONS["`fine_tuning`"].keys}
    assert fields(TrainingFraction) == {*SECTIONS["`fractions[]`"].keys}
    assert fields(Backbone, "name") == {*SECTIONS["`backbones.<name>`"].keys}


@pytest.mark.parametrize("section", SOURCES, ids=[section.title for section in SOURCES])
def test_every_key_of_a_source_reaches_the_dataset(section, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("needed").touch()
    values = {key: schema.get("default", "needed") for key, schema in section.keys.items()}
    values["source"] = section.keys["source"]["const"]
    clothes = {"source": "fashion-mnist"}
    dataset = load({"datasets": {"mine": values, "clothes": clothes}}).datasets["mine"]
    assert fields(Dataset, "name", "options") <= set(values)
    reached = dataclasses.asdict(dataset) | dataset.options
    assert {key: reached[key] for key in values} == values


@pytest.mark.parametrize("file", sorted(ROOT.glob("workflow/studies/*.yaml")), ids=lambda f: f.stem)
def test_every_study_that_comes_along_loads(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given_by_the_user in ("FERG_DB_256.zip", "jaffe.zip", "my-images"):
        Path(given_by_the_user).touch()
    load(yaml.safe_load(file.read_text()))


def test_fetched_files_have_the_names_that_their_source_gives_them():
    assert [Path(path).name for path in Paths.fashion_mnist] == [*fashion_mnist.ARTEFACT.files]
    assert len({Path(path).parent for path in Paths.fashion_mnist}) == 1


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


def as_decimals(value, like):
    """Return a config with integers as decimals where the study has decimals."""
    if isinstance(value, dict):
        return {key: as_decimals(item, like[key]) for key, item in value.items()}
    if isinstance(value, list):
        return [as_decimals(item, one) for item, one in zip(value, like, strict=True)]
    return float(value) if isinstance(like, float) else value


WHOLE = {  # a whole number wherever any number is allowed
    "backbones": {"mine": {"architecture": "VGG16", "up_to": 1, "fine_tune_from": "block5_conv1"}},
    "fractions": [{"fraction": 1, "replicates": 2}],
    "heads": {"learning_rates": [1, 2], "l2": 0},
    "long_runs": {"fractions": [1]},
    "baseline": {"tuned_up_to": 1, "learning_rates": [1]},
    "baseline_2018": {"fractions": [1], "learning_rate": 1},
    "augmentation": {"rotation": 10, "shift": 0, "zoom": 0, "shear": 5},
    "transfer_augmented": {"up_to": 1},
    "linear_probe": {"up_to": 0, "l2": [1, 10]},
    "fine_tuning": {"up_to": 1, "learning_rate": 1},
}


@pytest.mark.parametrize("section", [*WHOLE, "datasets"])
def test_equal_settings_are_one_set_of_params_however_they_are_written(section):
    config = complete({key: copy.deepcopy(WHOLE[key]) for key in WHOLE})
    forms = [WHOLE, config, other_form(config), as_decimals(other_form(config), config)]
    assert repr(forms[1]) != repr(forms[2]) != repr(forms[3])
    values = [dataclasses.asdict(load(form))[section] for form in forms]
    if section in ("datasets", "backbones"):  # the user's own order of names
        values = [dict(sorted(value.items())) for value in values]
    assert len({repr(value) for value in values}) == 1


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


def fraction(fraction, replicates=1) -> dict:
    return {"fraction": fraction, "replicates": replicates}


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
    "dataset": (dataset(clases=[]), "datasets.mine", "did you mean 'classes'", "source, classes,"),
    "backbone": (backbone(layers=1), "backbones.mine", "did you mean 'layer'", "weights, layer"),
    "fraction": (
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
    "fraction too large": (
        {"fractions": [fraction(1.5)]},
        "fractions[0].fraction",
        "1.5",
        "at most 1",
    ),
    "replicates": ({"fractions": [fraction(1, 0)]}, "fractions[0].replicates", "0", "at least 1"),
    "images": (
        dataset(training_per_class=6001),
        "datasets.mine.training_per_class",
        "6001",
        "at most 6000",
    ),
    "no fraction": ({"fractions": []}, "fractions", "[]", "at least 1 value(s)"),
    "no dataset": ({"datasets": {}}, "datasets", "{}", "at least 1 entry"),
    "one class": (dataset(classes=["bag"]), "datasets.mine.classes", "['bag']", "at least 2"),
    "no layer": (backbone(layer=""), "backbones.mine.layer", "''", "at least 1 character(s)"),
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
    # Names that would not do as paths.
    "dataset name": ({"datasets": {"A b": {}}}, "datasets", "'A b'", NAME),
    "number as name": ({"datasets": {2018: {}}}, "datasets", "2018", "text"),
    "name with _": ({"backbones": {"a_b": {}}}, "backbones", "'a_b'", NAME),
    "name with newline": ({"backbones": {"a\n": {}}}, "backbones", r"'a\n'", NAME),
    "absolute": ({"results": "/tmp/results"}, "results", "'/tmp/results'", "relative path"),
    "elsewhere": ({"results": "results/../.."}, "results", "'results/../..'", "relative path"),
    # Values twice.
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
    # Values that do not fit each other.
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
        "up_to: 1",
    ),
    "fractions of the control alone": (
        {
            "backbones": {
                "vgg16": {"architecture": "VGG16", "up_to": 0.0001},
                "untrained": {"architecture": "VGG16", "weights": "none"},
            }
        },
        "backbones.vgg16.up_to",
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


def test_a_size_that_rounds_to_one_image_and_a_batch_of_all_images_are_taken():
    config = dataset(training_per_class=5, classes=["bag", "dress"], validation_per_class=2)
    config |= {
        "fractions": [fraction(0.1)],
        "heads": {"batch_size": 10},
        "long_runs": {"fractions": []},
    }
    assert load(config).heads.batch_size == 10


# --- Whatever the config ---

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["1e-4", "a\n", "../x", "fashion-mnist", "VGG16", "elu", 1, 0.1, 20.0]),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.integers() | st.none(), children, max_size=3)
    ),
    max_leaves=4,
)


def places(config, path=()):
    """Yield the path of every value in a config."""
    entries = config.items() if isinstance(config, dict) else enumerate(config)
    for key, value in entries:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


@st.composite
def mutated(draw):
    """Draw the default config with a few values replaced, added under a new key or removed."""
    config = complete({})
    for _ in range(draw(st.integers(1, 3))):
        *path, last = draw(st.sampled_from(sorted(places(config), key=repr)))
        holder = config
        for key in path:
            holder = holder[key]
        match draw(st.sampled_from(["replace", "add", "remove"])):
            case "replace":
                holder[last] = draw(VALUES)
            case "add" if isinstance(holder, dict):
                holder[draw(st.text(max_size=8) | st.integers())] = draw(VALUES)
            case "add":
                holder.append(draw(VALUES | st.just(copy.deepcopy(holder[last]))))
            case "remove":
                del holder[last]
        assume(config)
    return config


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
    # What is loaded makes names that the rules' wildcards match.
    for configuration in study.heads.configurations():
        assert re.fullmatch(r"[0-9-]+", configuration["layers"])
        assert re.fullmatch(r"[0-9.]+", configuration["learning_rate"])
    assert re.fullmatch(r"[\w./-]*\w[\w.-]*", study.paths.results)


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False))
@example(1e-5)
@example(5e-324)
@example(1e22)
def test_numbers_in_paths_are_exact_and_without_exponent(value):
    assert re.fullmatch(r"[0-9]+(\.[0-9]*[1-9])?", number(value))
    assert float(number(value)) == value


@pytest.mark.parametrize(
    ("value", "text"), [(1, "1"), (1.0, "1"), (0.1, "0.1"), (0.001, "0.001"), (1e-5, "0.00001")]
)
def test_numbers_in_paths_are_short(value, text):
    assert number(value) == text
