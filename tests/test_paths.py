"""Different files have different paths, and numbers in their names are exact."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transfer_gain.config.loading import load
from transfer_gain.config.paths import Paths, format_number

PATHS = Paths("results/mine", "float32")
PATTERNS = {
    name: getattr(PATHS, name)
    for name, value in vars(Paths).items()
    if isinstance(value, property) and not name.startswith("_")
}


@pytest.mark.parametrize("name", PATTERNS)
def test_what_a_study_makes_lies_in_its_folder(name):
    assert PATTERNS[name].startswith("results/mine/")


def test_no_two_files_have_the_same_path():
    assert len(set(PATTERNS.values())) == len(PATTERNS)


def test_a_part_of_a_path_is_named_like_its_wildcard():
    for pattern in PATTERNS.values():
        for name, wildcard in re.findall(r"(\w+)=\{(\w+)\}", pattern):
            assert name == wildcard


def test_the_precision_is_in_the_path_of_everything_made_from_features():
    names = ("features", "shard", "head", "copies", "refit", "probe", "selection", "long_run")
    assert all("{backbone}-float32" in PATTERNS[name] for name in names)


def test_logs_and_benchmarks_are_named_after_the_output():
    assert PATHS.log(PATHS.images) == "results/mine/logs/images/{dataset}.log"
    assert PATHS.benchmark(PATHS.table("runs")) == "results/mine/benchmarks/tables/runs.tsv"
    assert PATHS.log("resources/fashion-mnist") == "resources/logs/fashion-mnist.log"


def test_a_study_knows_its_paths():
    assert load({"results": "a/b/", "precision": "bfloat16"}).paths == Paths("a/b", "bfloat16")


def test_the_files_of_fashion_mnist_lie_in_one_folder():
    assert [Path(path).name for path in Paths.fashion_mnist] == [
        *("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        *("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    ]
    assert len({Path(path).parent for path in Paths.fashion_mnist}) == 1


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False))
@example(1e-5)
@example(5e-324)
@example(1e22)
def test_numbers_in_paths_are_exact_and_without_exponent(value):
    assert re.fullmatch(r"[0-9]+(\.[0-9]*[1-9])?", format_number(value))
    assert float(format_number(value)) == value


@pytest.mark.parametrize(
    ("value", "text"), [(1, "1"), (1.0, "1"), (0.1, "0.1"), (0.001, "0.001"), (1e-5, "0.00001")]
)
def test_numbers_in_paths_are_short(value, text):
    assert format_number(value) == text
