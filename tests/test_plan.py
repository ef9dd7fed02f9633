"""Promises of the plan: right counts, and a time that grows with the work."""

import re
import shutil
from pathlib import Path

import pytest

from stubbed_workflow import STUDY, snakemake
from transfer_gain.config import jobs
from transfer_gain.config.loading import load
from transfer_gain.runtime import plan

JOBS = [("train_head", 4_000_000.0)] * 12 + [("plot_grid", 0.0)]


def test_jobs_are_counted_and_their_time_is_called_rough():
    assert plan.describe(JOBS, 2).startswith("13 jobs, very roughly 10 minutes on 2 cores:")
    assert " on 1 core:" in plan.describe(JOBS, 1)


def test_more_work_takes_longer_and_more_cores_less():
    few, many = plan.seconds(JOBS), plan.seconds(JOBS * 2)
    assert many == pytest.approx(2 * few)
    assert plan.seconds([("train_head", 1e9)]) > plan.seconds([("train_head", 1e6)])
    assert plan.seconds(JOBS, {"train_head": (10, 1)}) == pytest.approx(168 + plan.STARTED)


def benchmark(path: Path, cpu_time: float) -> Path:
    """Write the cost of a job as `job.monitored` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\tcpu_time\tmax_rss\n{2 * cpu_time:.3f}\t{cpu_time:.3f}\t400.0\n")
    return path


def test_costs_are_learned_from_what_jobs_took(tmp_path: Path):
    """On a machine, or with images, three times slower than the constants say."""
    seen = [1e6, 3e6]
    measured = [
        ("train_head", images, benchmark(tmp_path / f"{images}.tsv", 3 * took))
        for images in seen
        for took in [plan.seconds([("train_head", images)])]
    ]
    (tmp_path / "empty.tsv").touch()
    (tmp_path / "damaged.tsv").write_bytes(b"s\tcpu_time\n\xff\t")
    unusable = [
        ("train_from_scratch", 1e6, tmp_path / name)
        for name in ("missing.tsv", "empty.tsv", "damaged.tsv")
    ]
    costs = plan.learned([*measured, *unusable, ("no_such_rule", 1, measured[0][2])])
    assert plan.seconds(JOBS, costs) - plan.STARTED == pytest.approx(
        3 * (plan.seconds(JOBS) - plan.STARTED)
    )
    assert {rule for rule in costs if costs[rule] != plan.COSTS.get(rule)} == {"train_head"}
    assert " 30 minutes on 2 cores" in plan.describe(JOBS, 2, costs)


@pytest.mark.slow
def test_a_run_announces_what_its_results_folder_has_taught(made: Path, tmp_path: Path):
    checkout = shutil.copytree(made, tmp_path / "checkout", symlinks=True)
    head = (
        "heads/clothes/vgg16-auto/fraction=1/layers=10/activation=elu/learning_rate=0.01/epochs=20"
    )
    announced = {}
    for cpu_time in (None, 7200):
        if cpu_time:
            benchmark(checkout / f"made/here/benchmarks/{head}.tsv", cpu_time)
        target = f"made/here/{head}/runs.parquet"
        done = snakemake(checkout, "--cores", "1", "--force", target, study=STUDY)
        assert done.returncode == 0, done.stdout + done.stderr
        announced[cpu_time] = re.search(r"1 job, (.*) on 1 core", done.stderr)[1]
    assert announced[None] != announced[7200] == "very roughly 2 hours"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (10, "under a minute"),
        (60, "a minute or two"),
        (700, "12 minutes"),
        (2900, "50 minutes"),
        (9000, "2 hours"),
        (250_000, "70 hours"),
    ],
)
def test_times_are_rough(seconds, said):
    assert plan.duration(seconds) == said


def test_photographs_are_reckoned_by_their_bytes():
    study = load({"datasets": {"mine": {"source": "folder", "path": str(Path(__file__).parent)}}})
    seen = [
        plan.images_seen(study, "make_images", {"dataset": "mine"}, 100, megabytes=megabytes)
        for megabytes in (0, 1, 500)
    ]
    assert seen[:2] == [100, 100]
    assert plan.seconds([("make_images", seen[2])]) == pytest.approx(10, abs=3)


def test_fine_tuning_is_reckoned_by_its_own_length_and_rates():
    section = {"max_fraction": 1, "learning_rates": [0.1, 0.2], "epochs": 1, "min_updates": 30}
    study = load({"fine_tuning": section, "heads": {"batch_size": 10}})
    names = {"dataset": "clothes", "backbone": "vgg16", "fraction": "0.001"}
    seen = plan.images_seen(study, "fine_tune", names, 0)
    assert seen == 2 * study.replicates("0.001") * 30 * 10
    assert plan.images_seen(study, "train_head", names, 0) > seen


def test_runs_that_may_end_early_are_reckoned_shorter_and_compared_ones_not():
    to_the_end, early = (load({"heads": {"stop_at_train_loss": loss}}) for loss in (None, 0.1))
    place = {"dataset": "clothes", "fraction": "0.01"}
    of = {
        "train_head": place | {"backbone": "vgg16"},
        "refit_head": place | {"backbone": "vgg16", "method": "transfer-extended"},
        "train_from_scratch": place | {"method": "baseline"},
    }
    seen = {
        rule: [plan.images_seen(study, rule, names, 0) for study in (to_the_end, early)]
        for rule, names in of.items()
    }
    assert seen["refit_head"][0] == seen["refit_head"][1]
    assert seen["train_head"][0] > seen["train_head"][1]
    assert seen["train_from_scratch"][0] > seen["train_from_scratch"][1]
    weak = of["train_from_scratch"] | {"method": "baseline-2018"}
    assert plan.images_seen(early, "train_from_scratch", weak, 0) == seen["train_from_scratch"][0]


def test_cross_fitting_has_a_replicate_for_each_split():
    mine = {"datasets": {"mine": {"source": "solar-cells", "images": 300}}}
    crossed, once = (
        load(mine),
        load(
            {
                "datasets": {
                    "mine": {"source": "solar-cells", "images": 300, "validation_per_class": 30}
                }
            }
        ),
    )
    names = {"dataset": "mine", "backbone": "vgg16", "fraction": "0.1"}
    # 12 splits that train on 200 images, instead of 3 samples of 225.
    seen = [plan.images_seen(study, "fit_probes", names, 0) for study in (crossed, once)]
    assert seen == [pytest.approx(12 * 20), pytest.approx(3 * 22.5)]
    copies = [plan.images_seen(study, "extract_copies", names, 0) for study in (crossed, once)]
    assert copies == [pytest.approx(12 * 20 * 5), pytest.approx(3 * 22.5 * 5)]


def test_a_copied_image_passes_once_however_many_samples_have_it():
    study = load({"datasets": {"mine": {"source": "solar-cells", "images": 300}}})
    names = {"dataset": "mine", "backbone": "vgg16", "fraction": "1"}
    assert plan.images_seen(study, "extract_copies", names, 0) == pytest.approx(300 * 5)


def test_the_parts_of_a_training_take_as_long_as_the_whole(monkeypatch):
    study = load(
        {
            "datasets": {"mine": {"source": "solar-cells"}},
            "fractions": [{"fraction": 1, "replicates": 2}],
        }
    )
    trained = jobs.from_scratch(study, "baseline")
    seen = [plan.images_seen(study, "train_from_scratch", job, 0) for job in trained]
    # The costs of finished jobs are learned from table `cost`, which does not name parts.
    unnamed = {name: trained[0][name] for name in ("dataset", "fraction", "method")}
    assert seen == 2 * [plan.images_seen(study, "train_from_scratch", unnamed, 0)]
    monkeypatch.setattr(jobs, "RUNS_AT_ONCE", 12)
    assert sum(seen) == plan.images_seen(study, "train_from_scratch", unnamed, 0)


def test_networks_from_scratch_take_longer_on_more_pixels_and_colors():
    seen = {}
    for size, channels in ((64, "gray"), (64, "rgb"), (128, "gray")):
        mine = {"source": "solar-cells", "image_size": size, "channels": channels}
        study = load({"datasets": {"mine": mine}})
        names = {"dataset": "mine", "fraction": "1", "method": "baseline"}
        seen[size, channels] = plan.images_seen(study, "train_from_scratch", names, 0)
        on_features = {"dataset": "mine", "fraction": "1", "backbone": "vgg16"}
        head = plan.images_seen(study, "train_head", on_features, 0)
        assert head == pytest.approx(seen[64, "gray"])
    assert seen[64, "rgb"] == pytest.approx(2 * seen[64, "gray"])
    assert seen[128, "gray"] == pytest.approx(2.5 * seen[64, "gray"])
