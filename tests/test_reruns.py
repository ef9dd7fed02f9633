"""What Snakemake runs again after a change of the config or the code: what must be, no more."""

import shutil
import stat
from pathlib import Path

import pytest

import checkout as in_checkout
from checkout import ROOT, copy_checkout
from stubbed_workflow import (
    STUB,
    STUDY,
    WITH_ONE_SHOT,
    environment,
    jobs,
    planned,
    run_once,
    snakemake,
)
from transfer_gain.runtime.launcher import ADDRESS

pytestmark = pytest.mark.slow

# More of what can be removed, and the Siamese network.
WIDE = STUDY | {
    "datasets": {
        **STUDY["datasets"],
        "shoes": {"source": "fashion-mnist"},
        "avatars": {"source": "avatars", "transfer": False},
    },
    "backbones": STUDY["backbones"]
    | {"random": {"architecture": "VGG16", "weights": "none", "max_fraction": 0.1}},
    "one_shot": {"target": "avatars", "backbone": "vgg16", "variants": ["prototypical"]},
}


@pytest.fixture(scope="module")
def made_wide(tmp_path_factory) -> Path:
    """A copy of the checkout in which the study of more was made once."""
    return run_once(tmp_path_factory.mktemp("wide"), WIDE)[0]


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
} | {"plot_decision clothes"}
MISTAKES_FIGURES = {f"plot_{figure} clothes" for figure in ("confusion", "reliability", "mistakes")}
MISTAKES = MISTAKES_FIGURES | {
    f"tabulate_mistakes {table}" for table in ("per_class", "confusion", "reliability", "mistakes")
}
PREDICTIONS = {"gather_predictions clothes"}
VERDICT = {"tabulate_selected", "tabulate_forecast", "tabulate_options"}
VERDICT |= {*PREDICTIONS, *VERDICT_FIGURES, *MISTAKES} | {
    f"tabulate_comparison {table}" for table in ("accuracy", "gains", "hypotheses", "label_value")
}
REPORT = {"write_report", "describe_run"}
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
    f"train_from_scratch clothes {method} {fraction} 0.001 20 1-of-1"
    for method in ("baseline", "augmentation")
    for fraction in ("1", "0.1")
}
PROBES = {"fit_probes clothes vgg16 0.1"}
SIZES_OF_ALL = {"tabulate_classes", "tabulate_fractions", "tabulate_noticed skipped"}
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
            f"train_from_scratch clothes {method} 0.5 0.001 20 1-of-1"
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
            f"train_from_scratch clothes {method} {fraction} 0.001 10 1-of-1"
            for fraction in ("1", "0.1")
            for method in ("baseline", "augmentation")
        }
        | SELECTIONS
        | AGGREGATES,
    ),
    "a range of the augmentation": (
        {"augmentation": {"rotation": 20}},
        {
            f"train_from_scratch clothes augmentation {fraction} 0.001 20 1-of-1"
            for fraction in ("1", "0.1")
        }
        | {"augment_example clothes", "plot_augmented clothes"}
        | ROWS,
    ),
    "an augmentation of the dataset's own": (
        {"datasets": {"clothes": {"source": "fashion-mnist", "augmentation": {"flip": False}}}},
        {
            f"train_from_scratch clothes augmentation {fraction} 0.001 20 1-of-1"
            for fraction in ("1", "0.1")
        }
        | {"augment_example clothes", "plot_augmented clothes"}
        | ROWS,
    ),
    "more replicates of a fraction": (
        {"fractions": [{"fraction": 1, "replicates": 1}, {"fraction": 0.1, "replicates": 3}]},
        {f"train_head clothes vgg16 0.1 10 elu {rate} 20" for rate in ("0.01", "0.001")}
        | {
            f"train_from_scratch clothes {method} 0.1 0.001 20 1-of-1"
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
        {job.replace("vgg16", "other") for job in EVERYTHING if "vgg16" in job}
        | {f"score_backbone clothes {backbone} 1" for backbone in ("vgg16", "other")}
        | {"tabulate_backbone_ranks", "tabulate_rank_quality"}
        | ROWS
        | BEST,
    ),
    "weights of the classes": (
        {"class_weights": "balanced"},
        HEADS | FROM_SCRATCH_RUNS | PROBES | SELECTIONS | AGGREGATES | {"tabulate_classes"},
    ),
    "no weights of the classes, in words": ({"class_weights": "none"}, set()),
    "whom the report is for": ({"share": "public"}, REPORT),
    "longer long runs": (
        {"long_runs": {"fractions": [0.1], "epochs": 4}},
        {job.replace(" 3", " 4") for job in LONG_RUNS} | LONG_RUNS_FIGURE | ROWS,
    ),
}


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES)
def test_a_change_computes_what_is_new_and_what_sums_it_up(change, expected, made):
    assert planned(made, study=STUDY | change) == expected


def test_one_shot_learning_leaves_out_what_it_does_not_need(made):
    found = jobs(made, "one_shot", study=STUDY | WITH_ONE_SHOT)
    rules = {job.rule for job in found}
    assert {
        "train_siamese",
        "evaluate_distances",
        "train_embedding",
        "tabulate_similarity",
    } <= rules
    assert not {"train_head", "train_from_scratch", "tabulate_comparison"} & rules
    assert {str(job) for job in found if job.rule == "train_siamese"} == {
        f"train_siamese {approach} {batch} {epoch_unit}"
        for approach, batch in (("first", 36), ("second", 96), ("second", 198))
        for epoch_unit in ("batch", "pass")
    }


def test_without_one_shot_learning_there_are_no_rules_of_it(made):
    done = snakemake(made, "--list-rules", study=STUDY)
    assert done.returncode == 0
    assert "train_siamese" not in done.stdout


def test_nothing_is_left_out_of_a_first_run(made):
    found = planned(made, study=STUDY | {"results": "anew"})
    assert found == EVERYTHING | {"digest_inputs"}


ALL_ROWS = ROWS | {
    job.replace("clothes", "shoes") for job in PREDICTIONS | VERDICT_FIGURES | MISTAKES_FIGURES
}
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


def test_the_number_of_shards_is_no_reason_to_extract_again(made, tmp_path):
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
    assert planned(made, study=STUDY) == set()
    arguments = ("--cores", "2")
    started, done = in_checkout.jobs_of(made, *arguments, study=STUDY, **environment(made))
    assert (done.returncode, started) == (0, [])


COUNTING = """
include: "Snakefile"
from snakemake.scheduling.job_scheduler import JobScheduler
select = JobScheduler.job_selector
def counting(scheduler, jobs):
    with open("looked", "a") as file:
        file.write("once more\\n")
    return select(scheduler, jobs)
JobScheduler.job_selector = counting
"""


def test_what_is_next_is_looked_for_once_a_job(tmp_path):
    checkout = copy_checkout(tmp_path)
    (checkout / "counting.smk").write_text(COUNTING)
    for script in checkout.glob("workflow/scripts/*.py"):
        script.write_text(f"import time\ntime.sleep(0.3)\n{STUB}")
    arguments = ("--snakefile", "counting.smk", "--cores", "1", "tables")
    started, done = in_checkout.jobs_of(
        checkout, *arguments, study=STUDY, timeout=600, **environment(checkout)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    looked = len((checkout / "looked").read_text().splitlines())
    # Snakemake by itself would look hundreds of times, at last once a second for each job before.
    assert 20 < looked <= len(started) + 1


def edit(made: Path, folder: Path, file: str) -> Path:
    """Return a copy of the checkout with one file of workflow/ changed."""
    checkout = shutil.copytree(made, folder / "checkout")
    with (checkout / "workflow" / file).open("a") as opened:
        opened.write("# edited\n")
    return checkout


def test_editing_how_figures_are_drawn_redraws_them_and_trains_nothing(made, tmp_path):
    figures = FIGURES | LONG_RUNS_FIGURE | VERDICT_FIGURES | MISTAKES_FIGURES
    figures |= {"plot_samples clothes", "plot_augmented clothes", "plot_best_heads"} | REPORT
    edited = edit(made, tmp_path, "transfer_gain/reporting/figures/style.py")
    found = {str(job): job.reason for job in jobs(edited, study=STUDY)}
    assert {*found} == figures
    reason = found["plot_samples clothes"]
    assert "Params have changed since last execution" in reason
    assert "transfer_gain/reporting/figures/style.py" in reason
    # All use it, and it is as it was.
    assert not any("transfer_gain/data/store.py" in each for each in found.values())


def test_editing_what_tables_alone_use_trains_nothing(made, tmp_path):
    tables = {job for job in VERDICT if job.startswith("tabulate_comparison")}
    assert planned(edit(made, tmp_path, "transfer_gain/evaluation/comparison.py"), study=STUDY) == (
        tables | {"tabulate_options"} | VERDICT_FIGURES | MISTAKES | REPORT
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
    rules = {job.rule for job in jobs(checkout, study=STUDY)}
    assert "make_images" in rules
    assert not any(rule.startswith("fetch_") for rule in rules)


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
        (job,) = (
            job for job in jobs(checkout, features, study=study) if job.rule == "extract_features"
        )
        return job.resources["runtime"]

    assert expected(20) < expected(2000)


def test_copies_are_extracted_once_if_a_fraction_has_those_of_all_images(made):
    for largest, extracted in ((1, {"1"}), (0.1, {"0.1"})):
        study = STUDY | {"transfer_augmented": {"max_fraction": largest}}
        planned_jobs = jobs(made, study=study)
        names = [job.wildcards for job in planned_jobs if job.rule == "extract_copies"]
        assert {name["fraction"] for name in names} == extracted
        refitted = {job.wildcards["fraction"] for job in planned_jobs if job.rule == "refit_head"}
        assert refitted == {1: {"1", "0.1"}, 0.1: {"0.1"}}[largest]


SHARED = ("fetch_fashion_mnist", "fetch_vgg16_weights", "make_images", "extract_features")


def test_another_checkout_starts_from_what_the_first_has_put_into_the_cache(tmp_path):
    cache = tmp_path / "cache"
    assert f"--cache {' '.join(SHARED)}" in (ROOT / "docs" / "running.md").read_text()

    def run(name: str, study: dict = STUDY):
        checkout = copy_checkout(tmp_path / name)
        for script in checkout.glob("workflow/scripts/*.py"):
            script.write_text(STUB)
        shared = {ADDRESS: "off", "SNAKEMAKE_OUTPUT_CACHE": str(cache)}
        features = f"{STUDY['results']}/features/clothes/vgg16-auto.parquet"
        arguments = ("--cores", "2", features, "--cache", *SHARED)
        done = in_checkout.snakemake(checkout, *arguments, study=study, **shared)
        assert done.returncode == 0, done.stdout + done.stderr
        links = [file for file in checkout.glob("[mr]*/**/*") if file.is_symlink()]
        return {str(file.relative_to(checkout)): file.resolve() for file in links}

    first = run("first")
    assert len(first) == 4 + 1 + 1 + 1
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700  # the files are open to all who enter
    times = {file: file.stat().st_mtime_ns for file in first.values()}
    assert run("second") == first
    third = run("third", STUDY | {"seed": 7})  # other images and features, the same downloads
    other = {file for file in first if third[file] != first[file]}
    assert other == {
        f"{STUDY['results']}/{name}.parquet"
        for name in ("images/clothes", "features/clothes/vgg16-auto")
    }
    assert times == {file: file.stat().st_mtime_ns for file in first.values()}
