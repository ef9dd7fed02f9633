"""Any config is loaded as a study, or refused in one line that says what is wrong."""

import copy
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from configs import ROOT, STUDIES, fraction, mutated, refusal
from transfer_gain.config import jobs
from transfer_gain.config.datasets import Dataset
from transfer_gain.config.errors import ConfigError
from transfer_gain.config.loading import check_duplicate_keys, complete, load
from transfer_gain.config.study import Study

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


@pytest.mark.parametrize(
    ("changed", "found", "allowed"),
    [
        ({"unlabelled": "nowhere"}, "nothing at 'nowhere'", "A folder (or a zip or tar file of"),
        ({"unlabelled": "mine/a"}, "'mine/a' in 'mine'", "a place outside of the labeled images"),
        ({"unlabelled": "mine"}, "'mine' in 'mine'", "a place outside of the labeled images"),
        ({"transfer": False}, "'others' with transfer: false", "a dataset with transfer: true"),
    ],
)
def test_unlabelled_images_that_cannot_be_used_are_refused(
    changed, found, allowed, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("mine/a").mkdir(parents=True)
    Path("others").mkdir()
    mine = {"source": "folder", "path": "mine", "unlabelled": "others"}
    load({"datasets": {"mine": mine}})
    others = {"clothes": {"source": "fashion-mnist"}}
    said = refusal({"datasets": others | {"mine": mine | changed}})
    assert said.startswith(f"datasets.mine.unlabelled: found {found}, allowed: {allowed}")


def test_the_images_of_a_dataset_do_not_depend_on_the_unlabelled_ones():
    mine = {"source": "folder", "path": "mine"}
    settings = [
        Study.model_validate({"datasets": {"mine": mine | more}}).datasets["mine"].settings()
        for more in ({}, {"unlabelled": "others"})
    ]
    assert settings[0] == settings[1]
    assert "unlabelled" not in settings[1]["options"]


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
        *("channels", "resize", "background", "transfer", "options"),
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
        "resnet-scratch": [],
    }
    wanted = load({"resnet_scratch": {"max_fraction": 0.1, "filters": [8, 16]}})
    assert wanted.scratch_fractions()["resnet-scratch"] == ["0.1", "0.01", "0.001"]
    assert wanted.learning_rates("resnet-scratch", "0.01") == ["0.01", "0.001", "0.0001"]
    assert study.learning_rates("baseline-2018", "1") == ["0.5"]
    assert study.learning_rates("baseline", "0.1") == ["0.001"]
    assert study.learning_rates("augmentation", "0.01") == ["0.01", "0.001", "0.0001"]
    names = ["filters", "kernel", "stride", "pooling", "units", "activation"]
    assert list(study.scratch_network("baseline").settings()) == names
    weak = study.scratch_network("baseline-2018")
    assert (weak.filters, weak.units, weak.activation) == (8, (), "sigmoid")


def test_the_splits_of_own_images_are_trained_in_two_parts_and_other_runs_in_one(with_images):
    mine, clothes = {"source": "folder", "path": "my-images"}, {"source": "fashion-mnist"}
    fractions = [{"fraction": 1, "replicates": 2}, {"fraction": 0.001, "replicates": 10}]
    study = load({"datasets": {"mine": mine, "clothes": clothes}, "fractions": fractions})
    assert study.runs_of("mine", "1") == study.cross_fitting.splits == 12
    assert study.runs_of("clothes", "0.001") == 10
    parts = {
        (job["dataset"], job["part"])
        for method in study.scratch_fractions()
        for job in jobs.from_scratch(study, method)
    }
    assert parts == {("mine", "1-of-2"), ("mine", "2-of-2"), ("clothes", "1-of-1")}
    # If they turn out to come with a split, no part is without a run.
    study = load({"datasets": {"mine": mine}, "fractions": [{"fraction": 1, "replicates": 1}]})
    assert jobs.parts_of_runs(study, "mine", "1") == ["1-of-1"]


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
    "fine_tuning": {"max_fraction": 1, "learning_rates": [1]},
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
