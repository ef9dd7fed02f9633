"""Promises of the plan: right counts, and a time that grows with the work."""

from pathlib import Path

import pytest

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
    copies = [plan.images_seen(study, "extract_copies", names, 0) for study in (crossed, once)]
    assert copies == [pytest.approx(12 * 20 * 5), pytest.approx(3 * 22.5 * 5)]
