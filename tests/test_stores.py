"""Promises of `runtime.stores`: where a job finds the files of a study."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from transfer_gain.runtime.stores import Store, keep_wildcard_constraints


class Provider:
    """A store that is a folder; copies of its files go to another one."""

    def __init__(self, folder: Path):
        self.folder = folder

    def object(self, address: str) -> SimpleNamespace:
        key = address.removeprefix("s3://")
        stored, copy = self.folder / "stored" / key, self.folder / "copies" / key

        def retrieve():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(stored.read_text())

        return SimpleNamespace(
            local_path=lambda: copy, managed_exists=stored.exists, managed_retrieve=retrieve
        )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(Provider(tmp_path), "s3://bucket/mine", lambda done: done)


def test_every_path_of_a_parameter_is_that_of_the_job_s_copy(store: Store, tmp_path: Path):
    copies = tmp_path / "copies" / "bucket" / "mine"
    assert store.paths({"a": ["results/x", []], "b": "results/y"}) == {
        "a": [str(copies / "results/x"), []],
        "b": str(copies / "results/y"),
    }


def test_without_a_store_every_file_is_where_its_path_says(tmp_path: Path):
    none = Store(None, "", lambda done: done)
    assert not none
    assert none.paths({"a": ["results/x"]}) == {"a": ["results/x"]}
    assert none.text(str(tmp_path / "answer.txt")) is None
    (tmp_path / "answer.txt").write_text("yes")
    assert none.text(str(tmp_path / "answer.txt")) == "yes"


def test_a_text_is_fetched_from_the_store(store: Store, tmp_path: Path):
    assert store.text("results/answer.txt") is None
    stored = tmp_path / "stored" / "bucket" / "mine" / "results"
    stored.mkdir(parents=True)
    (stored / "answer.txt").write_text("yes")
    assert store.text("results/answer.txt") == "yes"


def test_copies_have_paths_with_the_wildcard_constraints_of_rules():
    class Made:  # as the S3 plugin's objects are
        def __init__(self, query: str):
            self.query = query
            self._local_suffix = query.removeprefix("s3://")

        def local_suffix(self) -> str:
            return self._local_suffix

    store = Store(SimpleNamespace(object=Made), "s3://bucket/mine", lambda done: done)
    keep_wildcard_constraints(store)
    made = store.object("results/{method}.parquet")
    made.query = made.query.replace("{method}", "{method,a|b}")  # as Snakemake does
    assert made.local_suffix() == "bucket/mine/results/{method,a|b}.parquet"
