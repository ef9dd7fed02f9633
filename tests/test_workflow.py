"""The rules, run for real by Snakemake in a copy of the checkout whose scripts only touch files."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

import checkout as in_checkout
from checkout import ROOT, copy_checkout
from configs import mutated
from transfer_gain.config.errors import ConfigError
from transfer_gain.config.loading import load
from transfer_gain.runtime.launcher import ADDRESS

pytestmark = pytest.mark.slow

# In the place of what a script does, but not of what it imports.
STUB = """
from pathlib import Path
for file in snakemake.output:
    Path(file).touch()
raise SystemExit
"""
STUDY = {
    "results": "made/here",
    "datasets": {"clothes": {"source": "fashion-mnist"}},
    "backbones": {"vgg16": {"architecture": "VGG16"}},
    "fractions": [{"fraction": 1, "replicates": 1}, {"fraction": 0.1, "replicates": 2}],
    "heads": {"layers": [[10]], "activations": ["elu"], "learning_rates": [0.01, 0.001]},
    "long_runs": {"fractions": [0.1], "epochs": 3},
}

WITH_ONE_SHOT = {
    "datasets": {
        **STUDY["datasets"],
        "avatars": {"source": "avatars"},
        "peeps": {"source": "peeps"},
    },
    "one_shot": {"target": "avatars", "related": "peeps", "backbone": "vgg16"},
}


# More of what can be removed, and the Siamese network.
WIDE = STUDY | {
    "datasets": {
        **STUDY["datasets"],
        "shoes": {"source": "fashion-mnist"},
        "avatars": {"source": "avatars", "transfer": False},
    },
    "backbones": STUDY["backbones"]
    | {"random": {"architecture": "VGG16", "weights": "none", "up_to": 0.1}},
    "one_shot": {"target": "avatars", "backbone": "vgg16", "variants": ["prototypical"]},
}


def snakemake(folder: Path, *arguments: str, study: dict | None = None, timeout: float = 120):
    """Run Snakemake with spies in the place of TensorFlow, which the launcher would import."""
    environment = {"PYTHONPATH": str(in_checkout.spies_on_tensorflow(folder)), ADDRESS: "off"}
    return in_checkout.snakemake(folder, *arguments, study=study, timeout=timeout, **environment)


def planned(checkout: Path, *arguments: str, study: dict | None = None) -> set[str]:
    """Return the jobs that a dry run lists, each as its rule and its wildcards' values."""
    done = snakemake(checkout, "--dry-run", *arguments, study=study)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = set()
    for block in re.split(r"^(?:local)?(?=rule )", done.stdout + done.stderr, flags=re.MULTILINE):
        if output := re.match(r"rule (\w+):(?:\n    .*)*?\n    output: ", block):
            found = re.search(r"^    wildcards: (.*)", block, re.MULTILINE)
            values = re.findall(r"=([^,\n]+)", found[1]) if found else []
            jobs.add(" ".join([output[1], *values]))
    assert jobs or "Nothing to be done" in done.stdout + done.stderr
    return jobs


def run_once(folder: Path, study: dict) -> tuple[Path, set[Path]]:
    """Copy the checkout into a folder and make a study there.

    Returns:
        The copy, and the files that this made.
    """
    checkout = copy_checkout(folder)
    for script in checkout.glob("workflow/scripts/*.py"):
        script.write_text(STUB + script.read_text())
    in_checkout.spies_on_tensorflow(checkout)
    before = {*checkout.rglob("*"), checkout / "study.yaml"}
    done = snakemake(checkout, "--cores", "2", study=study, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    new = {file for file in checkout.rglob("*") if file.is_file() and file not in before}
    return checkout, {file.relative_to(checkout) for file in new}


@pytest.fixture(scope="module")
def first_run(tmp_path_factory) -> tuple[Path, set[Path]]:
    """A copy of the checkout in which the study was made once, and the files that this made."""
    return run_once(tmp_path_factory.mktemp("checkout"), STUDY)


@pytest.fixture(scope="module")
def made_wide(tmp_path_factory) -> Path:
    """A copy of the checkout in which the study of more was made once."""
    return run_once(tmp_path_factory.mktemp("wide"), WIDE)[0]


@pytest.fixture
def made(first_run) -> Path:
    """A copy of the checkout in which the study was made once."""
    return first_run[0]


# --- What a change of the config computes ---

SELECTIONS = {"select_heads clothes vgg16 1", "select_heads clothes vgg16 0.1"}
LONG_RUNS = {
    f"train_selected_head clothes vgg16 0.1 {protocol} 3"
    for protocol in ("same-images", "held-out")
}
LONG_RUNS_FIGURE = {"plot_long_runs clothes vgg16"}
VERDICT_FIGURES = {
    f"plot_{figure} clothes {protocol}"
    for figure in ("learning_curves", "gains", "label_value", "cost")
    for protocol in ("same-images", "held-out")
}
VERDICT = {"tabulate_selected", *VERDICT_FIGURES} | {
    f"tabulate_comparison {table}" for table in ("accuracy", "gains", "hypotheses", "label_value")
}
REPORT = {"report_html", "describe_run"}
ROWS = {"gather_rows runs", "gather_rows history", "tabulate_cost"} | VERDICT | REPORT
FIGURES = {"plot_grid clothes vgg16", "plot_learning_rates clothes vgg16"}
# Whatever depends on a selection is listed with it: what it will choose is not known beforehand.
BEST = {"tabulate_best_heads", "plot_best_heads"}
AGGREGATES = FIGURES | ROWS | LONG_RUNS | LONG_RUNS_FIGURE | BEST

HEADS = {
    f"train_head clothes vgg16 {fraction} 10 elu {rate} 20"
    for fraction in ("1", "0.1")
    for rate in ("0.01", "0.001")
}
FROM_SCRATCH_RUNS = {
    f"train_from_scratch clothes {method} {fraction} 0.001 20"
    for method in ("baseline", "augmentation")
    for fraction in ("1", "0.1")
}
PROBES = {"fit_probes clothes vgg16 0.1"}
SIZES_OF_ALL = {"tabulate_fractions", "tabulate_skipped"}
# Downloads aside.
EVERYTHING = HEADS | FROM_SCRATCH_RUNS | PROBES | SELECTIONS | AGGREGATES | SIZES_OF_ALL
EVERYTHING |= {
    f"{rule} clothes"
    for rule in ("make_images", "assign_validation_roles", "augment_example", "plot_augmented")
} | {"plot_samples clothes", "extract_features clothes vgg16"}
EVERYTHING |= {"draw_samples clothes 1", "draw_samples clothes 0.1"}

CHANGES = {
    "the same in other words": (
        {"fractions": [{"fraction": 1.0, "replicates": 1}, {"fraction": 0.10, "replicates": 2}]},
        set(),
    ),
    "a learning rate more": (
        {"heads": STUDY["heads"] | {"learning_rates": [0.01, 0.001, 0.5]}},
        {f"train_head clothes vgg16 {fraction} 10 elu 0.5 20" for fraction in ("1", "0.1")}
        | SELECTIONS
        | AGGREGATES,
    ),
    "a learning rate less": (
        {"heads": STUDY["heads"] | {"learning_rates": [0.01]}},
        SELECTIONS | AGGREGATES,
    ),
    "a fraction more": (
        {"fractions": [*STUDY["fractions"], {"fraction": 0.5, "replicates": 1}]},
        {f"train_head clothes vgg16 0.5 10 elu {rate} 20" for rate in ("0.01", "0.001")}
        | {
            f"train_from_scratch clothes {method} 0.5 0.001 20"
            for method in ("baseline", "augmentation")
        }
        | {"draw_samples clothes 0.5", "select_heads clothes vgg16 0.5", "tabulate_fractions"}
        | FIGURES
        | ROWS
        | BEST,
    ),
    "a fraction less": (
        {"fractions": STUDY["fractions"][:1], "long_runs": {"fractions": []}},
        FIGURES | ROWS | BEST | {"tabulate_fractions"},
    ),
    "other epochs": (
        {"heads": STUDY["heads"] | {"epochs": 10}},
        {
            f"train_head clothes vgg16 {fraction} 10 elu {rate} 10"
            for fraction in ("1", "0.1")
            for rate in ("0.01", "0.001")
        }
        | {
            f"train_from_scratch clothes {method} {fraction} 0.001 10"
            for fraction in ("1", "0.1")
            for method in ("baseline", "augmentation")
        }
        | SELECTIONS
        | AGGREGATES,
    ),
    "a range of the augmentation": (
        {"augmentation": {"rotation": 20}},
        {
            f"train_from_scratch clothes augmentation {fraction} 0.001 20"
            for fraction in ("1", "0.1")
        }
        | {"augment_example clothes", "plot_augmented clothes"}
        | ROWS,
    ),
    "more replicates of a fraction": (
        {"fractions": [{"fraction": 1, "replicates": 1}, {"fraction": 0.1, "replicates": 3}]},
        {f"train_head clothes vgg16 0.1 10 elu {rate} 20" for rate in ("0.01", "0.001")}
        | {
            f"train_from_scratch clothes {method} 0.1 0.001 20"
            for method in ("baseline", "augmentation")
        }
        | {"draw_samples clothes 0.1", "select_heads clothes vgg16 0.1", "tabulate_fractions"}
        | {"fit_probes clothes vgg16 0.1"}
        | AGGREGATES,
    ),
    "a replicate of a fraction less": (
        {"fractions": [{"fraction": 1, "replicates": 1}, {"fraction": 0.1, "replicates": 1}]},
        {job for job in HEADS | FROM_SCRATCH_RUNS if " 0.1 " in job}
        | {"draw_samples clothes 0.1", "select_heads clothes vgg16 0.1", "tabulate_fractions"}
        | PROBES
        | AGGREGATES,
    ),
    "another precision": (
        {"precision": "bfloat16"},
        HEADS | PROBES | SELECTIONS | AGGREGATES | {"extract_features clothes vgg16"},
    ),
    "another dataset": (
        {"datasets": STUDY["datasets"] | {"shoes": {"source": "fashion-mnist"}}},
        {job.replace("clothes", "shoes") for job in EVERYTHING} | ROWS | BEST | SIZES_OF_ALL,
    ),
    "another backbone": (
        {"backbones": STUDY["backbones"] | {"other": {"architecture": "VGG16", "layer": "last"}}},
        {job.replace("vgg16", "other") for job in EVERYTHING if "vgg16" in job} | ROWS | BEST,
    ),
    "longer long runs": (
        {"long_runs": {"fractions": [0.1], "epochs": 4}},
        {job.replace(" 3", " 4") for job in LONG_RUNS} | LONG_RUNS_FIGURE | ROWS,
    ),
}


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES)
def test_a_change_computes_what_is_new_and_what_sums_it_up(change, expected, made):
    assert planned(made, study=STUDY | change) == expected


def test_one_shot_learning_leaves_out_what_it_does_not_need(made):
    jobs = planned(made, "one_shot", study=STUDY | WITH_ONE_SHOT)
    rules = {job.split()[0] for job in jobs}
    assert {
        "train_siamese",
        "evaluate_distances",
        "train_embedding",
        "tabulate_similarity",
    } <= rules
    assert not {"train_head", "train_from_scratch", "tabulate_comparison"} & rules
    trainings = {job for job in jobs if job.startswith("train_siamese")}
    assert trainings == {
        f"train_siamese {approach} {batch} {epoch_unit}"
        for approach, batch in (("first", 36), ("second", 96), ("second", 198))
        for epoch_unit in ("batch", "pass")
    }


def test_without_one_shot_learning_there_are_no_rules_of_it(made):
    done = snakemake(made, "--list-rules", study=STUDY)
    assert done.returncode == 0
    assert "train_siamese" not in done.stdout


def test_nothing_is_left_out_of_a_first_run(made):
    jobs = planned(made, study=STUDY | {"results": "anew"})
    assert jobs == EVERYTHING | {"digest_inputs"}


ALL_ROWS = ROWS | {job.replace("clothes", "shoes") for job in VERDICT_FIGURES}
NETWORKS = {f"train_siamese first 20 {epoch_unit}" for epoch_unit in ("batch", "pass")}
SIMILARITY = {"tabulate_similarity", "plot_similarity", "plot_class_map"}
COSTS = {
    f"plot_cost {dataset} {protocol}"
    for dataset in ("clothes", "shoes")
    for protocol in ("same-images", "held-out")
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"datasets": {name: WIDE["datasets"][name] for name in ("clothes", "avatars")}},
            ROWS | BEST | SIZES_OF_ALL | SIMILARITY | {"compare_classes", "plot_distance_and_gain"},
        ),
        ({"backbones": STUDY["backbones"]}, ALL_ROWS | BEST | {"plot_distance_and_gain"}),
        (
            {"one_shot": WIDE["one_shot"] | {"batch_size": 20}},
            NETWORKS
            | SIMILARITY
            | COSTS
            | REPORT
            | {"compare_classes", "show_tasks", "plot_tasks", "tabulate_cost"}
            | {f"tabulate_one_shot {table}" for table in ("one_shot", "few_shot")}
            | {"tabulate_one_shot one_shot_summary", "plot_distance_and_gain"}
            | {"plot_one_shot first", "plot_one_shot_methods first"},
        ),
    ],
    ids=["a dataset less", "a backbone less", "another batch of the Siamese network"],
)
def test_a_change_of_a_larger_study_computes_as_little(change, expected, made_wide):
    assert planned(made_wide, study=WIDE) == set()
    assert planned(made_wide, study=WIDE | change) == expected


def test_the_number_of_shards_is_no_reason_to_extract_anew(made, tmp_path):
    checkout = shutil.copytree(made, tmp_path / "checkout")

    def shards(count: int) -> tuple[str, ...]:
        return ("--set-scatter", f"features={count}")

    assert planned(checkout, *shards(3), study=STUDY) == set()
    file = "made/here/features/clothes/vgg16-auto.parquet"
    (checkout / file).unlink()
    extraction = {f"extract_shard clothes vgg16 {number}-of-3" for number in (1, 2, 3)}
    extraction.add("extract_features clothes vgg16")
    assert planned(checkout, file, *shards(3), study=STUDY) == extraction
    done = snakemake(checkout, "--cores", "2", file, *shards(3), study=STUDY)
    assert done.returncode == 0, done.stderr
    assert list((checkout / file).parent.rglob("*.parquet")) == [checkout / file]
    for count in (1, 3, 5):
        # The features are the same; what they cost is now another sum.
        assert planned(checkout, *shards(count), study=STUDY) == REPORT | {
            "tabulate_cost",
            "plot_cost clothes same-images",
            "plot_cost clothes held-out",
        }


def test_features_made_anew_gather_their_shards_in_order(made, tmp_path):
    checkout = shutil.copytree(made, tmp_path / "checkout")
    (checkout / "workflow/scripts/extract_features.py").write_text(
        "from pathlib import Path\n"
        "names = [Path(shard).stem for shard in snakemake.input.get('shards', [])]\n"
        "Path(snakemake.output[0]).write_text(' '.join(names))\n"
    )
    file = "made/here/features/clothes/vgg16-auto.parquet"
    (checkout / file).unlink()
    for again in ((), ("--forcerun", "extract_features")):
        arguments = ("--cores", "2", file, "--set-scatter", "features=11", *again)
        done = snakemake(checkout, *arguments, study=STUDY)
        assert done.returncode == 0, done.stdout + done.stderr
        order = [f"{number}-of-11" for number in range(1, 12)]
        assert (checkout / file).read_text().split() == order


def test_back_at_an_earlier_config_nothing_is_trained_again(made, tmp_path):
    checkout = shutil.copytree(made, tmp_path / "checkout")
    heads = STUDY["heads"] | {"layers": [[20]], "learning_rates": [0.5]}
    done = snakemake(checkout, "--cores", "2", study=STUDY | {"heads": heads})
    assert done.returncode == 0, done.stderr
    assert planned(checkout, study=STUDY) == SELECTIONS | AGGREGATES


def test_a_second_run_has_nothing_to_do(made):
    done = snakemake(made, "--cores", "2", study=STUDY)
    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout + done.stderr


def test_what_is_next_is_looked_for_once_a_job(tmp_path):
    checkout = copy_checkout(tmp_path)
    for script in checkout.glob("workflow/scripts/*.py"):
        script.write_text(f"import time\ntime.sleep(0.3)\n{STUB}")
    done = snakemake(checkout, "--cores", "1", "--verbose", "tables", study=STUDY, timeout=600)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    # Snakemake by itself would look hundreds of times, at last once a second for each job before.
    assert 20 < said.count("Ready jobs: ") <= said.count("Finished jobid: ") + 1


def edit(made: Path, folder: Path, file: str) -> Path:
    """Return a copy of the checkout with one file of workflow/ changed."""
    checkout = shutil.copytree(made, folder / "checkout")
    with (checkout / "workflow" / file).open("a") as opened:
        opened.write("# edited\n")
    return checkout


def test_editing_how_figures_are_drawn_redraws_them_and_trains_nothing(made, tmp_path):
    figures = FIGURES | LONG_RUNS_FIGURE | VERDICT_FIGURES
    figures |= {"plot_samples clothes", "plot_augmented clothes", "plot_best_heads"} | REPORT
    edited = edit(made, tmp_path, "transfer_gain/reporting/figures.py")
    assert planned(edited, study=STUDY) == figures
    said = snakemake(edited, "--dry-run", study=STUDY).stdout
    assert "Params have changed since last execution" in said
    assert "transfer_gain/reporting/figures.py" in said
    assert "transfer_gain/data/store.py" not in said  # which all use, and which is as it was


def test_editing_what_tables_alone_use_trains_nothing(made, tmp_path):
    tables = {job for job in VERDICT if job.startswith("tabulate_comparison")}
    assert planned(edit(made, tmp_path, "transfer_gain/evaluation/comparison.py"), study=STUDY) == (
        tables | VERDICT_FIGURES | REPORT
    )


def test_editing_the_training_loop_trains_anew_and_extracts_nothing(made, tmp_path):
    assert planned(edit(made, tmp_path, "transfer_gain/training/loop.py"), study=STUDY) == (
        HEADS | FROM_SCRATCH_RUNS | SELECTIONS | AGGREGATES
    )


def test_editing_a_script_reruns_its_jobs(made, tmp_path):
    checkout = edit(made, tmp_path, "scripts/plot_gains.py")
    gains = {job for job in VERDICT_FIGURES if job.startswith("plot_gains")}
    assert planned(checkout, study=STUDY) == gains | REPORT


def test_touching_files_without_a_change_computes_nothing(made, tmp_path):
    checkout = shutil.copytree(made, tmp_path / "checkout")
    for file in checkout.glob("workflow/*/*.py"):
        file.touch()
    assert planned(checkout, study=STUDY) == set()


def test_a_new_checkout_takes_over_what_another_has_downloaded(made, tmp_path):
    checkout = copy_checkout(tmp_path / "checkout")
    shutil.copytree(made / "resources", checkout / "resources", dirs_exist_ok=True)
    for script in checkout.glob("workflow/scripts/*.py"):
        script.touch()  # later than the downloads
    jobs = planned(checkout, study=STUDY)
    assert "make_images clothes" in jobs
    assert not any(job.startswith("fetch_") for job in jobs)


def test_what_systems_leave_in_an_own_folder_is_no_change(tmp_path):
    mine = {"source": "folder", "path": "mine"}
    study = STUDY | {"datasets": {"mine": mine}}
    images = tmp_path / "checkout/mine/cats"
    images.mkdir(parents=True)
    (images / "a.png").write_bytes(b"stubs read no image")
    checkout, _ = run_once(tmp_path / "checkout", study)
    for clutter in (images / "Thumbs.db", images.parent / ".DS_Store"):
        clutter.touch()
    assert planned(checkout, study=study) == set()
    assert (
        planned(checkout, study=study | {"datasets": {"mine": mine | {"path": "./mine/"}}}) == set()
    )
    (images / "a.png").write_bytes(b"another")
    assert {"make_images mine", "digest_inputs"} < planned(checkout, study=study)


def test_the_time_of_an_own_folder_is_reckoned_by_its_files(tmp_path):
    study = STUDY | {"datasets": {"mine": {"source": "folder", "path": "mine"}}}

    def expected(images: int) -> float:
        checkout = copy_checkout(tmp_path / str(images))
        (checkout / "mine" / "cats").mkdir(parents=True)
        for number in range(images):
            (checkout / "mine" / "cats" / f"{number}.png").touch()
        features = f"{STUDY['results']}/features/mine/vgg16-auto.parquet"
        said = snakemake(checkout, "--dry-run", features, study=study).stdout
        minutes = re.search(r"rule extract_features:(?:\n    .*)*? runtime=(\d+)", said)
        return int(minutes[1])

    assert expected(20) < expected(2000)


SHARED = ("fetch_fashion_mnist", "fetch_vgg16_weights", "make_images", "extract_features")


def test_another_checkout_starts_from_what_the_first_has_put_into_the_cache(tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    assert f"--cache {' '.join(SHARED)}" in (ROOT / "docs" / "running.md").read_text()

    def run(name: str, study: dict = STUDY):
        checkout = copy_checkout(tmp_path / name)
        for script in checkout.glob("workflow/scripts/*.py"):
            script.write_text(STUB)
        environment = {ADDRESS: "off", "SNAKEMAKE_OUTPUT_CACHE": str(cache)}
        features = f"{STUDY['results']}/features/clothes/vgg16-auto.parquet"
        arguments = ("--cores", "2", features, "--cache", *SHARED)
        done = in_checkout.snakemake(checkout, *arguments, study=study, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        files = {file for file in checkout.glob("[mr]*/**/*") if file.is_symlink()}
        return checkout, {str(file.relative_to(checkout)) for file in files}, done.stderr

    _, first, said = run("first")
    assert len(first) == 4 + 1 + 1 + 1 and "Moving output file" in said
    _, second, said = run("second")
    assert second == first and "Moving output file" not in said
    _, _, said = run("third", STUDY | {"seed": 7})  # other images and features, the same downloads
    assert said.count("Moving output file") == 2


# --- Where it lies, and what it may use ---


def test_all_that_is_made_lies_in_the_results_folder_or_among_the_downloads(first_run):
    _, files = first_run
    for folder in (STUDY["results"], "resources", ".snakemake"):
        inside = {file for file in files if file.is_relative_to(folder)}
        assert inside, folder
        files = files - inside
    assert files == set()


@pytest.fixture(scope="module")
def rules(first_run):
    """What Snakemake knows of the rules and of the machine's resources, as JSON of its own."""
    checkout, _ = first_run
    (checkout / "inspected.smk").write_text(
        'include: "Snakefile"\n'
        "import json\n"
        "from types import SimpleNamespace\n"
        "clothes = SimpleNamespace(dataset='clothes')\n"
        "def code_behind(rule):\n"
        "    code = [p for name, p in rule.params.items() if name and name.startswith('code')]\n"
        "    code = [each(clothes) if callable(each) else [each] for each in code]\n"
        "    return [line.split()[0] for lines in code for line in lines]\n"
        "print(json.dumps({\n"
        "    'gpu': str(workflow.global_resources.get('gpu')),\n"
        "    'rules': {rule.name: [rule.script, code_behind(rule)] for rule in workflow.rules\n"
        "              if rule.script},\n"
        "}))\n"
    )
    study = STUDY | WITH_ONE_SHOT
    done = snakemake(checkout, "--snakefile", "inspected.smk", "--list-rules", study=study)
    assert done.returncode == 0, done.stderr
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))


def test_without_saying_so_one_accelerator_is_there(rules):
    assert re.search(r"\b1\b", rules["gpu"])


def test_the_code_that_a_rule_depends_on_is_that_of_its_own_script(rules):
    for rule, (script, code) in rules["rules"].items():
        # What is fetched is verified, whatever the code.
        own = set() if rule.startswith("fetch") else {f"scripts/{Path(script).name}"}
        assert {file for file in code if file.startswith("scripts/")} == own, rule


def test_no_dry_run_waits_for_tensorflow(made):
    planned(made, study=STUDY | {"results": "anew"})
    assert not (made / "caught").exists()
    spies = in_checkout.spies_on_tensorflow(made)
    in_checkout.python(made, "-c", "import tensorflow", PYTHONPATH=str(spies))
    assert (made / "caught").exists()  # so it would have been seen
    (made / "caught").unlink()


# --- Which config is taken, and what a bad one does ---


def test_a_bad_config_ends_it_with_one_line_before_any_job(tmp_path):
    checkout = copy_checkout(tmp_path)
    done = snakemake(checkout, "--cores", "1", study={"heads": {"learning_rates": [0.1, 0]}})
    said = done.stdout + done.stderr
    assert done.returncode == 1
    (line,) = (line for line in said.splitlines() if "heads.learning_rates[1]" in line)
    assert line.endswith("heads.learning_rates[1]: found 0, allowed: greater than 0")
    assert "Traceback" not in said
    assert not re.search(r"^(local)?rule |Job stats", said, re.MULTILINE)


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(mutated())
def test_what_is_not_refused_can_be_planned(made, config):
    try:
        load(config)
    except ConfigError:
        return
    planned(made, "--forceall", study=config)


def test_a_key_that_is_there_twice_is_refused(tmp_path):
    checkout = copy_checkout(tmp_path)
    (checkout / "config.yaml").write_text("heads: {epochs: 3}\nseed: 1\nheads: {l2: 0.5}\n")
    done = snakemake(checkout, "--dry-run")
    assert done.returncode == 1
    assert "heads: found twice in config.yaml, line 3, allowed: once" in done.stdout + done.stderr


def test_a_study_that_is_given_stands_alone(tmp_path):
    checkout = copy_checkout(tmp_path)
    (checkout / "config.yaml").write_text("seed: not a number\n")
    file = "workflow/studies/smoke.yaml"
    jobs = planned(checkout, "--configfile", file)
    study = yaml.safe_load((ROOT / file).read_text())
    heads = [job.split() for job in jobs if job.startswith("train_head ")]
    assert {float(head[6]) for head in heads} == set(study["heads"]["learning_rates"])
    assert {float(head[3]) for head in heads} == {
        fraction["fraction"] for fraction in study["fractions"]
    }


def test_a_lock_is_removed_by_what_the_readme_says(made):
    assert "`.venv/bin/snakemake --unlock`" in (ROOT / "README.md").read_text()
    done = snakemake(made, "--unlock", study=STUDY)
    assert done.returncode == 0, done.stderr


def test_another_workflow_can_use_it_as_a_module_in_its_own_folder(made, tmp_path):
    (tmp_path / "Snakefile").write_text(
        'configfile: "config.yaml"\n\n'
        "module transfer_gain:\n"
        f'    snakefile: "{made}/Snakefile"\n'
        "    config: config\n\n"
        "use rule * from transfer_gain as transfer_gain_*\n"
    )
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(STUDY))
    done = snakemake(tmp_path, "--cores", "2", "transfer_gain_all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / STUDY["results"] / "report.html").is_file()


def test_make_shows_the_time_left_and_how_the_log_of_a_failed_job_ends(tmp_path):
    checkout = copy_checkout(tmp_path)
    failing = 'open(snakemake.log[0], "w").write("the mirror is down\\n")\nraise SystemExit(1)\n'
    for script in checkout.glob("workflow/scripts/*.py"):
        script.write_text(failing if script.stem == "draw_samples" else STUB)
    asked = re.search(r"--logger \w+", (ROOT / "Makefile").read_text())[0]
    path = f"{in_checkout.spies_on_tensorflow(checkout)}:{checkout / 'workflow'}"
    done = in_checkout.snakemake(
        *(checkout, "--cores", "2", "--keep-going", *asked.split()), study=STUDY, PYTHONPATH=path
    )
    assert done.returncode == 1
    assert re.search(r"\d of \d+ jobs, .* left: make_images clothes is done", done.stderr)
    assert re.search(r"draw_samples clothes [0-9.]+ failed\.", done.stderr)
    assert "the mirror is down" in done.stderr
    assert "run the same command to resume" in done.stderr
    assert "Traceback" not in done.stderr
