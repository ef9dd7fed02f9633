"""Killed, out of room, given damaged files: the same tables in the end, or one clear line.

`make test-faults` is the long campaign; `make test` takes some of it.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from checkout import copy_checkout, python, snakemake
from pictures import make_own_images

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("FAULTS_KILLS", "3"))
SEED = int(os.environ.get("FAULTS_SEED", "2018"))
ALL_DAMAGE = "FAULTS_KILLS" in os.environ

WEIGHTS = "mobilenet.weights.h5"
OWN = {"source": "folder", "path": "mine", "on_bad_image": "skip", "image_size": 16}
STUDY = {
    "datasets": {"mine": OWN},
    "cross_fitting": {"folds": 3, "repeats": 1},
    "backbones": {
        "random": {"architecture": "MobileNetV2", "weights": WEIGHTS, "input_size": 32},
    },
    "fractions": [{"fraction": 1, "replicates": 2}],
    "heads": {
        "layers": [[5]],
        "activations": ["elu"],
        "learning_rates": [0.01],
        "batch_size": 10,
        "epochs": 2,
        "min_updates": 0,
    },
    "long_runs": {"fractions": []},
    "baseline": {"filters": 2, "units": [5]},
    "baseline_2018": {"fractions": []},
    "transfer_augmented": {"max_fraction": 0},
    "linear_probe": {"max_fraction": 1, "l2": [0.1]},
}
OF_RUN = "mine/random-auto/fraction=1"
HEAD = f"heads/{OF_RUN}/layers=5/activation=elu/learning_rate=0.01/epochs=2"
# Each kind of intermediate, and a table or file that is made from it.
INTERMEDIATES = {
    "images/mine": "tables/skipped.csv",
    "images/mine/size=32": "features/mine/random-auto.parquet",
    "samples/mine/fraction=1": "tables/fractions.csv",
    "samples/mine/validation_roles": f"probes/{OF_RUN}/runs.parquet",
    "features/mine/random-auto": f"probes/{OF_RUN}/runs.parquet",
    f"{HEAD}/runs": "tables/runs.csv",
    f"{HEAD}/history": "tables/history.csv",
    f"probes/{OF_RUN}/predictions": "predictions/mine.parquet",
    f"probes/{OF_RUN}/runs": "first_answer/mine.txt",
    f"selections/{OF_RUN}": "tables/best_heads.csv",
    "tables/selected": "tables/accuracy.csv",
    "predictions/mine": "tables/classes.csv",
    "tables/forecast": "tables/options.csv",
    "selections/mine/candidates": "model/mine/model.json",
    "tables/near_copies": "figures/near_copies_mine.svg",
}
FIGURE = "results/figures/near_copies_mine.svg"  # shows rows of a table
# What is made of the tables, or before them.
BESIDE = (FIGURE, "results/model/mine/MODEL_CARD.md", "results/first_answer/mine.txt")


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory, tensorflow) -> Path:
    """A checkout with images and weights, in which nothing was made yet."""
    import keras

    folder = copy_checkout(tmp_path_factory.mktemp("faults"))
    make_own_images(folder / "mine")
    keras.utils.set_random_seed(0)
    network = keras.applications.MobileNetV2
    network(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(folder / WEIGHTS)
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    return folder


@pytest.fixture(scope="module")
def undisturbed(started: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which the tables were made without any fault."""
    folder = copied(started, tmp_path_factory.mktemp("undisturbed"))
    done = make(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def copied(folder: Path, to: Path) -> Path:
    """Copy a checkout with all that was made in it, times included."""
    return Path(shutil.copytree(folder, to, symlinks=True, dirs_exist_ok=True))


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Make the tables, a figure, the model and the first answer, or what is named."""
    arguments = arguments or ("tables", *BESIDE)
    return snakemake(folder, "--cores", "2", *arguments, study=Path("study.yaml"), timeout=600)


def made(folder: Path) -> dict[str, bytes]:
    """Return the content of all that was made but the costs and logs, by path."""
    results = folder / "results"
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in sorted(results.rglob("*"))
        if path.is_file()
        and path.stem not in ("cost", "README")
        and path.relative_to(results).parts[0] not in ("benchmarks", "logs")
        and path.name[0] != "."
    }


def assert_one_line(folder: Path, done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Assert that a run failed with one line that has some words, and without a traceback."""
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "Traceback" not in said
    assert any(all(word in line for word in words) for line in said.splitlines()), said


# --- Killed at any moment


class Run:
    """Snakemake with its jobs, in a process group of its own."""

    def __init__(self, folder: Path):
        self.log = (folder / "run.log").open("w+")
        command = [sys.executable, "-m", "snakemake", "tables", *BESIDE, "--cores", "2"]
        self.process = subprocess.Popen(
            [*command, "--configfile", "study.yaml"],
            cwd=folder, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def said(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def jobs(self) -> list[int]:
        """Return the processes of its group that run a rule's script."""
        found = []
        for folder in filter(lambda path: path.name.isdigit(), Path("/proc").iterdir()):
            try:
                group = int((folder / "stat").read_text().rpartition(")")[2].split()[2])
                script = b"/.snakemake/scripts/" in (folder / "cmdline").read_bytes()
            except OSError:  # it has ended
                continue
            if group == self.process.pid and script:
                found.append(int(folder.name))
        return found

    def end(self) -> None:
        """Kill what is left of it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()


def kill_snakemake(run: Run) -> None:
    """Its jobs live on, and meet the next Snakemake's."""
    run.process.kill()


def kill_a_job(run: Run) -> None:
    for job in run.jobs()[:1]:
        os.kill(job, signal.SIGKILL)


def terminate(run: Run) -> None:
    run.process.terminate()


def press_control_c(run: Run) -> None:
    os.killpg(run.process.pid, signal.SIGINT)


def test_killed_at_random_moments_the_same_command_makes_the_same_tables(
    started: Path, undisturbed: Path, tmp_path: Path
):
    rng = random.Random(SEED)
    folder, expected = copied(started, tmp_path / "killed"), made(undisturbed)
    ways = [kill_snakemake, kill_a_job, press_control_c, terminate]
    runs, kills = [], 0
    try:
        while kills < KILLS:
            way, seconds = ways[kills % len(ways)], rng.uniform(2, 14)
            runs.append(Run(folder))
            try:
                runs[-1].process.wait(seconds)
            except subprocess.TimeoutExpired:
                print(f"{way.__name__} after {seconds:.1f} s", flush=True)
                way(runs[-1])
                kills += 1
                runs[-1].process.wait(300)
            said = runs[-1].said()
            # Ctrl-C may meet a job before it has begun, when Python itself is told.
            assert "Traceback" not in said or "KeyboardInterrupt" in said, said
            if runs[-1].process.returncode == 0:
                assert made(folder) == expected
                for name in ("results", ".snakemake"):
                    shutil.rmtree(folder / name)
                continue
            unlocked = make(folder, "--unlock")
            assert unlocked.returncode == 0, unlocked.stderr
        done = make(folder)
        assert done.returncode == 0, done.stdout + done.stderr
        assert made(folder) == expected
    finally:
        for run in runs:
            run.end()


def test_a_second_snakemake_in_the_folder_is_refused_and_disturbs_nothing(
    started: Path, undisturbed: Path, tmp_path: Path
):
    folder = copied(undisturbed, tmp_path / "two")
    shutil.rmtree(folder / "results" / "tables")
    first = Run(folder)
    try:
        deadline = time.monotonic() + 60
        while not any(folder.glob(".snakemake/locks/*")) and time.monotonic() < deadline:
            time.sleep(0.1)
        second = make(folder)
        assert first.process.wait(120) == 0, first.said()
    finally:
        first.end()
    assert_one_line(folder, second, "cannot be locked")
    assert made(folder) == made(undisturbed)


# --- Damaged files


def truncated(path: Path, rng: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(1, len(content))])


def flipped(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def emptied(path: Path, rng: random.Random) -> None:
    path.write_bytes(b"")


def of_another_schema(path: Path, rng: random.Random) -> None:
    pd.DataFrame({"image_id": ["a"], "weight": [1.0]}).to_parquet(path)


def renamed(path: Path, rng: random.Random) -> None:
    """Another column's name, as if another program had written the file again."""
    table = pq.read_table(path)
    names = [*table.column_names]
    names[rng.randrange(len(names))] = "other"
    pq.write_table(table.rename_columns(names), path)


DAMAGE = [truncated, flipped, emptied, of_another_schema, renamed]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (name, damage)
        for number, name in enumerate(INTERMEDIATES)
        for damage in (DAMAGE if ALL_DAMAGE else [DAMAGE[(SEED + number) % len(DAMAGE)]])
    ],
)
def test_a_damaged_file_is_told_in_one_line_or_changes_nothing(
    undisturbed: Path, tmp_path: Path, name: str, damage: Callable[[Path, random.Random], None]
):
    folder, target = copied(undisturbed, tmp_path / "damaged"), INTERMEDIATES[name]
    path = folder / "results" / f"{name}.parquet"
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    damage(path, random.Random(f"{SEED} {name}"))
    os.utime(path, ns=times)  # as a failing disk would do it
    for made_of_it in (folder / "results").glob(f"{Path(target).with_suffix('')}.*"):
        made_of_it.unlink()
    done = make(folder, f"results/{target}")
    if done.returncode == 0:
        assert made(folder)[target] == made(undisturbed)[target]
        return
    assert_one_line(folder, done, "error: ", f"{name}.parquet: found", ", expected")
    assert not (folder / "results" / target).exists()


@pytest.mark.parametrize("name", ["model.keras", "model.json", "training_features.npy"])
@pytest.mark.parametrize("damage", [truncated, flipped, emptied])
def test_a_damaged_model_predicts_nothing_and_says_so_in_one_line(
    undisturbed: Path, tmp_path: Path, name: str, damage: Callable[[Path, random.Random], None]
):
    model = shutil.copytree(undisturbed / "results/model/mine", tmp_path / "model")
    damage(model / name, random.Random(f"{SEED} {name}"))
    done = python(
        undisturbed, "-m", "transfer_gain.predict", str(model), "mine", "--out",
        str(tmp_path / "predictions.csv"), PYTHONPATH="workflow",
    )  # fmt: skip
    assert_one_line(undisturbed, done, f"{name}: found", ", expected")
    assert not (tmp_path / "predictions.csv").exists()


# --- Disks


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """What mounts small disks, which are unmounted in the end."""
    folders = []

    def mount(folder: Path, *options: str) -> Path:
        done = subprocess.run(["mount", *options, folder], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"mounts nothing here: {done.stderr.strip()}")
        if folder not in folders:
            folders.append(folder)
        return folder

    yield mount
    for folder in folders:
        subprocess.run(["umount", "--lazy", folder], check=True)


def on_a_small_disk(folder: Path, mount: Callable[..., Path]) -> Path:
    """Move a checkout's results to a disk of its own."""
    (folder / "results").rename(folder / "before")
    (folder / "results").mkdir()
    mount(folder / "results", "-t", "tmpfs", "-o", "size=64m", "small")
    return copied(folder / "before", folder / "results")


@pytest.mark.parametrize("target", ["features/mine/random-auto.parquet", "tables/runs.parquet"])
def test_a_full_disk_is_told_in_one_line_and_with_room_the_run_goes_on(
    undisturbed: Path, tmp_path: Path, mounted, target: str
):
    folder = copied(undisturbed, tmp_path / "full")
    results = on_a_small_disk(folder, mounted)
    (results / target).unlink()
    filler = results / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(2**12))
    done = make(folder, f"results/{target}")
    assert_one_line(folder, done, "error: ", f"results/{target}: found no space left")
    assert not (results / target).exists()
    filler.unlink()
    done = make(folder, f"results/{target}", "tables")
    assert done.returncode == 0, done.stdout + done.stderr
    assert made(folder) == made(undisturbed)


def test_results_that_may_not_be_written_are_told_in_one_line(
    undisturbed: Path, tmp_path: Path, mounted
):
    folder = copied(undisturbed, tmp_path / "read-only")
    results = on_a_small_disk(folder, mounted)
    for name in ("skipped.csv", "skipped.parquet"):
        (results / "tables" / name).unlink()
    mounted(results, "-o", "remount,ro")
    assert_one_line(folder, make(folder), "results: found a read-only folder, expected")
    mounted(results, "-o", "remount,rw")
    done = make(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert made(folder) == made(undisturbed)
