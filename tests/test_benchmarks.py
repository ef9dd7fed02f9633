"""The arithmetic of the benchmarks; `make bench` does the measuring."""

import io
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import class_weights
import forecast
import learning_rates
import networks
import next_labels
import photographs
import run
import side_by_side
from learning_curves import FRACTIONS, Curve
from side_by_side import Contestant, Timed


def slow(seconds: float):
    def one(number: int) -> Timed:
        if seconds < 0:
            raise OSError("no such library")
        return Timed(number, seconds)

    return one


def test_contestants_take_turns_and_one_that_fails_stops_no_other():
    contestants = [Contestant(name, slow, (s,)) for name, s in (("a", 2), ("b", -1), ("c", 3))]
    race = side_by_side.race(contestants, rounds=3, threads=1)
    assert race.seconds == {"a": [2] * 3, "c": [3] * 3}
    assert race.failed == {"b": "OSError: no such library"}


def test_rounds_are_timed_where_a_contestant_does_not():
    race = side_by_side.race([Contestant("sleeper", sleeper)], rounds=2, threads=1, warmups=0)
    assert min(race.seconds["sleeper"]) >= 0.05


def sleeper():
    return lambda number: time.sleep(0.05)


def test_a_result_that_is_wrong_ends_the_benchmark():
    def check(made):
        raise ValueError(f"found {made}")

    with pytest.raises(ValueError, match="found"):
        side_by_side.race([Contestant("a", slow, (1,))], rounds=2, threads=1, check=check)


def test_a_ratio_is_that_of_each_round():
    assert side_by_side.ratio([3, 40, 6], [1, 10, 3]) == "3.00 (2.00–4.00) ×"


def test_every_benchmark_has_one_section_of_the_readme():
    text = run.README.read_text()
    for name in run.BENCHMARKS:
        changed = run.with_section(text, name, r"## A new \1 section")
        assert r"## A new \1 section" in changed
        assert run.with_section(changed, name, "again").count("again") == text.count("again") + 1
    with pytest.raises(ValueError, match="found 0 sections of_none"):
        run.with_section(text, "of_none", "")


def test_forecasts_are_compared_with_the_truth():
    def curve(labels):
        return 1 - 0.9 * labels**-0.3

    rng = np.random.default_rng(0)
    labels = 60 * np.array(FRACTIONS)
    right = np.full((12, 300, len(labels)), np.nan)
    for split, image in enumerate(np.arange(600).reshape(12, 50) % 300):
        # The same images are difficult at all fractions.
        difficulty = rng.random((50, 1))
        right[split, image] = difficulty < curve(labels)
    then = curve(60 * np.array([2, 3, 5]))
    classes = np.arange(300) % 3
    curves = [Curve("made up", name, classes, labels, right, curve(60), then) for name in "ab"]
    rows = forecast.backtested(curves, (0.1, 0.3, 1.0))
    assert len(rows) == 6
    assert rows["told"].all()
    assert rows["held"].all() and rows["gain_held"].all()
    assert (rows["ours"] < rows["stays"]).all()
    section = forecast.report(curves)
    assert "| made up | 5 × | 2 | 1.000 |" in section
    # Of two curves at 2 and 5 times, all likely gains came.
    assert "| 0.9 to 1.0 | 4 | " in section
    page = forecast.PAGE.read_text()
    assert section in run.with_section(page, "forecast", section)


def test_the_gain_by_weights_of_classes_is_on_its_page():
    page = class_weights.PAGE.read_text()
    changed = run.with_section(page, "class weights", "again")
    assert "linear probe, `l2` 1 |" in page
    assert "linear probe, `l2` 1 |" not in changed


def test_the_best_network_and_the_cheapest_that_is_not_worse_are_named():
    rows = pd.DataFrame(
        {
            "shown": ["best", "near", "cheap and worse"],
            "side": [224, 64, 32],
            "channels": ["rgb", "gray", "rgb"],
            "mean": [0.9, 0.88, 0.5],
            "may_be_best": [True, True, False],
            "seconds": [60.0, 9.0, 1.0],
        },
        index=["a", "b", "c"],
    )
    best = "On avatars, the best is best at 224 pixels in color; "
    expected = "the cheapest that is not significantly worse is near at 64 pixels in gray."
    assert networks.conclusion("avatars", rows) == best + expected
    alone = networks.conclusion("avatars", rows.assign(may_be_best=[True, False, False]))
    assert alone == best + "none that may be as good is cheaper."


def test_networks_see_the_same_pictures_in_gray_and_in_color():
    (_, gray), (_, color) = networks.studies("avatars", networks.NETWORKS)
    assert [*gray.backbones] == ["vgg16-64-gray"]
    assert {"vgg16-64", "vgg16-128", "vgg16-224"} <= {*color.backbones}
    of = [each.datasets["avatars"].settings() for each in (gray, color)]
    assert [settings.pop("channels") for settings in of] == ["gray", "rgb"]
    assert of[0] == of[1]
    assert color.backbones["vgg16-224"].pooling == "avg"
    text = networks.PAGE.read_text()
    assert "again" in run.with_section(text, "networks", "again")
    assert "| VGG16 | 224 | color |" in text


def test_made_up_photographs_are_whole_and_no_two_are_alike(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(photographs, "WIDTH", 400)
    monkeypatch.setattr(photographs, "HEIGHT", 1500)
    parts = [photographs.cut(photographs.encoded(number)) for number in range(2)]
    made = [photographs.photograph(parts, number) for number in range(4)]
    opened = [Image.open(io.BytesIO(content)) for content in made]
    assert [image.getexif()[0x112] for image in opened] == [1, 6, 1, 6]
    pixels = [np.asarray(image) for image in opened]  # an error if one is damaged
    assert {each.shape for each in pixels} == {(1500, 400, 3)}
    assert all((one != pixels[0]).mean() > 0.5 for one in pixels[1:])


def test_strategies_are_compared_with_what_came():
    """Whether the section says what the rows say, and fits its page."""
    rows = pd.DataFrame(
        {
            "dataset": dataset,
            "number": number,
            "strategy": name,
            "replayed": gain,
            "recommended": name == ("random" if number or dataset != "made up" else "margin"),
            "truth": gain / 2,
        }
        for dataset in ("made up", next_labels.SHUFFLED)
        for number in range(2)
        for name, gain in (("random", 0.0), ("margin", 0.02 + 0.01 * number), ("coverage", -0.01))
    )
    section = next_labels.report(rows)
    assert "| made up | margin | +2.5 ± 0.7 | +1.2 ± 0.4 | 1 of 2 | +1.0 |" in section
    assert "| made up | coverage | −1.0 ± 0.0 | −0.5 ± 0.0 | 0 of 2 | – |" in section
    assert "0 of 2 studies recommended another strategy than random choice" in section
    page = next_labels.PAGE.read_text()
    assert section in run.with_section(page, "next labels", section)


@pytest.mark.slow
def test_a_study_is_drawn_replayed_and_followed():
    rng = np.random.default_rng(0)
    labels = np.arange(1200) % 2
    features = rng.normal(size=(1200, 4)) + labels[:, None]
    rows = next_labels.drawn("made up", features, labels, 0)
    assert rows["strategy"].to_list() == ["random", "margin", "coverage", "clustered-margin"]
    assert rows["recommended"].sum() == 1
    assert rows.loc[0, "truth"] == 0
    assert rows["replayed"].iloc[1:].abs().max() < 0.1


def test_each_split_takes_its_best_learning_rate_and_the_first_of_equals():
    runs = pd.DataFrame(
        {
            "learning_rate": [0.01, 0.01, 0.001, 0.001],
            "replicate": [0, 1, 0, 1],
            "selection_balanced_accuracy": [0.5, 0.7, 0.6, 0.7],
            "test_balanced_accuracy": [0.1, 0.4, 0.8, 0.9],
        }
    )
    assert learning_rates.selected(runs, (0.01, 0.001)) == pytest.approx(100 * (0.8 + 0.4) / 2)
    assert learning_rates.selected(runs, (0.001,)) == pytest.approx(100 * (0.8 + 0.9) / 2)
