"""What comes from outside is never run, unpickled, unpacked by its own names or without a limit.

More of it stands beside what reads each: test_archives, test_fetch, test_vgg16_weights,
test_fashion_mnist.
"""

import ast
import os
import pickle
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import yaml

from containers import TWO_IMAGES, make_folder, noise, opened, png, refusal
from transfer_gain.config.errors import ConfigError
from transfer_gain.config.loading import load as load_config
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.sources.jaffe import Jaffe
from transfer_gain.data.sources.pictures import decode_picture
from transfer_gain.data.sources.vgg16_tensors import load
from transfer_gain.data.whole_files import StoreError
from transfer_gain.features import keras_networks
from transfer_gain.features.frozen import BackboneError
from transfer_gain.few_shot import siamese
from transfer_gain.printable import printable

ROOT = Path(__file__).parents[1]
CODE = sorted((ROOT / "workflow").rglob("*.py"))
UNPICKLING = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "torch", "shelve", "marshal"}
# What runs or unpacks what it is given.
RUNNING = {"eval", "exec", "extractall", "extract_all", "load_model", "unpack_archive"}


class Trap:
    """Leaves a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def caught(tmp_path: Path) -> Iterator[Path]:
    """The file that a trap leaves; there is to be none."""
    path = tmp_path / "caught"
    pickle.loads(pickle.dumps(Trap(path)))
    assert path.exists()  # the trap works
    path.unlink()
    yield path
    assert not path.exists()


def names_used(code: str) -> Iterator[ast.AST]:
    """Yield what Python code imports and calls."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Call):
            yield node


@pytest.mark.parametrize("file", CODE, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_module_unpickles_evaluates_or_unpacks_by_names_of_the_archive(file: Path):
    for node in names_used(file.read_text()):
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & UNPICKLING
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in UNPICKLING
        else:
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            safe = name == "load_model" and "safe_mode=True" in ast.unparse(node)
            assert safe or name not in RUNNING
            assert not any(keyword.arg == "shell" for keyword in node.keywords)
            if ast.unparse(called) in ("np.load", "numpy.load"):
                assert "allow_pickle=False" in ast.unparse(node)


def test_a_pickle_in_the_place_of_arrays_is_not_opened(tmp_path: Path, caught: Path):
    np.savez(tmp_path / "object.npz", a=np.array([Trap(caught)], dtype=object))
    (tmp_path / "bare.npz").write_bytes(pickle.dumps(Trap(caught)))
    for name in ("object.npz", "bare.npz"):
        with pytest.raises(SourceError, match=name):
            load(tmp_path / name)
        with pytest.raises(StoreError, match=rf"{name}: found .*expected a trained network"):
            siamese.read_network(tmp_path / name)


@pytest.mark.slow
def test_a_pickle_in_the_place_of_the_user_s_weights_is_not_opened(
    tmp_path: Path, caught: Path, tensorflow
):
    for name in ("mine.h5", "mine.weights.h5"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap(caught)))
        with pytest.raises(BackboneError, match=name):
            keras_networks.build("MobileNetV2", tmp_path / name, "last", 32, "float32")


def test_a_pickle_in_the_place_of_an_image_is_no_image(caught: Path):
    with pytest.raises(SourceError, match="no image"):
        decode_picture(pickle.dumps(Trap(caught)), "mine/a.png")


# --- What is neither a file nor a folder, a config without an end, names that forge lines ---


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Fail where the block takes longer."""

    def fail(*_: object) -> None:
        pytest.fail(f"took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def special_files(folder: Path) -> Iterator[Path]:
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to(folder / "pipe")
    yield from (folder / "pipe", folder / "link", Path("/dev/zero"))
    with socket.socket(socket.AF_UNIX) as listening:
        path = Path(os.path.relpath(folder / "s"))  # a socket's path has a limit of 100 bytes
        listening.bind(str(path))
        yield path


def test_a_pipe_a_device_or_a_socket_is_refused_before_it_is_opened(tmp_path: Path):
    for path in special_files(tmp_path):
        with within(5):
            assert refusal(path) == f"{path}: neither a file nor a folder"
            with pytest.raises(ConfigError) as error:
                load_config({"datasets": {"mine": {"source": "folder", "path": str(path)}}})
        assert f"mine.path: found neither a file nor a folder at '{path}', " in str(error.value)


@pytest.mark.parametrize("value", ["x" * 10**6, ["x"] * 50_000, {"x" * 10**6: 1}])
def test_an_error_of_the_config_shows_the_start_of_what_was_found(value):
    for config in ({"seed": value}, {"heads": {"layers": value}}, {"x" * 10**6: value}):
        with pytest.raises(ConfigError) as error:
            load_config(config)
        assert len(str(error.value)) < 1000


@pytest.mark.parametrize("levels", [4, 7, 30])
def test_aliases_that_repeat_each_other_do_not_end_in_a_long_error(levels: int):
    lines = ["a0: &a0 [laugh, laugh, laugh, laugh, laugh, laugh, laugh, laugh, laugh]"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]")
    laughs = yaml.safe_load("\n".join(lines))[f"a{levels - 1}"]
    with within(30), pytest.raises(ConfigError) as error:
        load_config({"seed": laughs})
    assert len(str(error.value)) < 500


def test_an_alias_to_what_holds_it_is_refused():
    with pytest.raises(ConfigError, match="allowed: at most 100,000 values"):
        load_config({"seed": yaml.safe_load("&a [*a]")})


FORGED = "x\n12:00:00 done\r\x1b]0;title\x07\x1b[2J\u202egnp.\u2028\x85.png"
UNDECODABLE = os.fsdecode(b"k\xe4se.png")  # in Latin-1


@pytest.mark.parametrize("name", [FORGED, UNDECODABLE])
def test_names_from_outside_are_printed_on_one_line_without_what_steers_a_terminal(
    name: str, tmp_path: Path
):
    tree = TWO_IMAGES | {
        "a/w.png": png(noise(9)),
        f"a/{name}": b"",
        f"b/{name}": TWO_IMAGES["a/x.png"],
        f"{name}/n.png": b"",
    }
    path = make_folder(tmp_path / name, tree)
    with pytest.raises(SourceError) as error:
        opened(path)
    messages = [str(error.value)]
    assert len(messages[0].split("\n")) == 1 + messages[0].count("\n  ")
    messages += [text for row in opened(path, on_bad_image="skip").skipped for text in row]
    make_folder(tmp_path / "other", {f"{name}.zip": b"PK", "x.tar": b"x"})
    for wrong in (tmp_path / "other" / f"{name}.zip", tmp_path / f"{name}-"):
        messages.append(refusal(wrong))
    with pytest.raises(SourceError) as error:
        decode_picture(b"", name)
    messages.append(str(error.value))
    with pytest.raises(SourceError) as error:
        Jaffe(path)
    messages.append(str(error.value))
    assert any(printable(name) in message for message in messages)
    for message in messages:
        assert all(line == printable(line) for line in message.split("\n"))
        assert "done\r" not in message
        message.encode()


def test_an_image_whose_name_is_not_utf_8_is_used_by_its_escaped_name(tmp_path: Path):
    path = make_folder(tmp_path / "mine", TWO_IMAGES | {f"a/{UNDECODABLE}": png(noise(5))})
    mine = opened(path)
    assert mine.skipped == []
    (added,) = [item for item in mine.items if item.image_id not in TWO_IMAGES]
    assert added.image_id == "a/k\\xe4se.png"
    assert np.array_equal(mine.read(added), noise(5))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("käse 日本 🧀 a\\b", "käse 日本 🧀 a\\b"),
        ("a\tb\n\x1b[2J", "a\\tb\\n\\x1b[2J"),
        ("\x7f\x9b\u202e\u2066\u2028", "\\x7f\\x9b\\u202e\\u2066\\u2028"),
        ("\udcff\ud800", "\\xff\\ud800"),
    ],
)
def test_only_what_is_not_to_be_printed_is_escaped(text: str, shown: str):
    assert printable(text) == shown


# --- make ---


def make_own(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run the Makefile's `own` with a Snakemake that only tells its arguments."""
    return make(folder, "own", *arguments, **environment)


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run the Makefile with a Snakemake and a Python that only tell their arguments."""
    tell = b'#!/bin/sh\nprintf "%s\\n" "$@"\n'
    tree = {
        "Makefile": (ROOT / "Makefile").read_bytes(),
        "envs/requirements.txt": b"",
        ".venv/requirements.txt.installed": b"",
        ".venv/bin/snakemake": tell,
        ".venv/bin/python": tell,
    }
    for name, content in tree.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    for name in ("snakemake", "python"):
        (folder / ".venv/bin" / name).chmod(0o755)
    os.utime(folder / ".venv/requirements.txt.installed")
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
    )


HOSTILE_NAME = "$(shell touch pwned)`touch pwned`$$(touch pwned)'\"; touch pwned #"


def test_make_runs_nothing_that_is_in_its_variables(tmp_path: Path):
    done = make_own(tmp_path, f"DATA={HOSTILE_NAME}", f"RESULTS={HOSTILE_NAME}")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "pwned").exists()
    assert f"results={HOSTILE_NAME}" in done.stdout.splitlines()
    written = HOSTILE_NAME.replace('"', '\\"')
    assert f'datasets={{mine: {{path: "{written}"}}}}' in done.stdout.splitlines()
    done = make_own(tmp_path, "DATA=mine", f"UNLABELLED={HOSTILE_NAME}")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "pwned").exists()
    both = f'datasets={{mine: {{path: "mine", unlabelled: "{written}"}}}}'
    assert both in done.stdout.splitlines()


def test_make_takes_no_variable_from_the_environment(tmp_path: Path):
    done = make_own(tmp_path, DATA="elsewhere", RESULTS="results/elsewhere")
    assert done.returncode != 0
    assert "DATA is not set on the command line" in done.stderr
    others = {"DATA": "elsewhere", "RESULTS": "results/elsewhere", "UNLABELLED": "elsewhere"}
    done = make_own(tmp_path, "DATA=mine", **others)
    assert "results=results/own" in done.stdout.splitlines()
    assert 'datasets={mine: {path: "mine"}}' in done.stdout.splitlines()


def test_make_predict_takes_its_variables_as_they_are(tmp_path: Path):
    given = [f"{name}={HOSTILE_NAME}" for name in ("MODEL", "IMAGES", "OUT")]
    done = make(tmp_path, "predict", *given, OUT="elsewhere")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "pwned").exists()
    assert done.stdout.splitlines() == [
        *("-m", "transfer_gain.predict", f"--out={HOSTILE_NAME}", "--", HOSTILE_NAME, HOSTILE_NAME)
    ]
    missing = make(tmp_path, "predict", "MODEL=a", IMAGES="elsewhere")
    assert missing.returncode != 0
    assert "MODEL or IMAGES is not set on the command line" in missing.stderr


CHROMIUM = ["-qq update", "-qq install -y --no-install-recommends chromium"]


def make_browser(folder: Path, *arguments: str, user: int = 0, **environment: str) -> list[str]:
    """Run the Makefile's `browser` where no browser is; return what `apt-get` was asked for."""
    stubs = {"id": f"echo {user}", "apt-get": f'echo "$@" >> {folder}/asked'}
    for name, line in stubs.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    done = subprocess.run(
        [shutil.which("make"), "-f", ROOT / "Makefile", "browser", *arguments],
        cwd=folder,
        env={"PATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    asked = folder / "asked"
    found = asked.read_text().splitlines() if asked.exists() else []
    said = "installing chromium with apt-get" if found else "browser tests are skipped (as root on"
    assert said in done.stderr
    return found


def test_make_installs_packages_of_the_system_only_where_asked_or_in_ci(tmp_path: Path):
    assert make_browser(tmp_path) == []
    assert make_browser(tmp_path, INSTALL="1") == []  # the environment means something else by it
    assert make_browser(tmp_path, "INSTALL=1", user=1000) == []
    assert make_browser(tmp_path, "INSTALL=0", CI="true") == []
    assert make_browser(tmp_path, CI="true") == CHROMIUM
    assert make_browser(tmp_path, "INSTALL=1") == CHROMIUM * 2
    assert make_browser(tmp_path, CI="$(shell touch pwned)") == CHROMIUM * 3
    assert not (tmp_path / "pwned").exists()


def test_the_page_on_security_names_tests_that_there_are():
    page = (ROOT / "docs" / "security.md").read_text()
    named = set(re.findall(r"`(test_[a-z0-9_]+\.py)`", page))
    assert named <= {path.name for path in (ROOT / "tests").glob("test_*.py")}
    own = {path.name for path in (ROOT / "tests").glob("test_security*.py")}
    assert own <= named
    rows = [line for line in page.split("## What is not")[0].splitlines() if line.startswith("| ")]
    promises = [row for row in rows if not row.startswith("| promise")]
    assert len(promises) > 15
    assert all("`test_" in row for row in promises)
