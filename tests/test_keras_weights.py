"""ImageNet weights of `keras.applications`: verified first, never from a shared folder."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from http_mirror import serve
from transfer_gain.config.networks import APPLICATIONS
from transfer_gain.data.sources import keras_weights
from transfer_gain.data.sources.fetch import FetchError, fetch
from transfer_gain.runtime import job_environment

ROOT = Path(__file__).parents[1]
UNVERIFIED_BY_KERAS = {"MobileNet", "MobileNetV2"}


def test_the_weights_of_every_network_have_a_digest():
    assert set(keras_weights.FILES) == set(APPLICATIONS)
    for path, digest in keras_weights.FILES.values():
        algorithm, _, value = digest.partition(":")
        assert len(value) == hashlib.new(algorithm).digest_size * 2
        assert path.endswith((".h5", ".hdf5"))


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch):
    """A server in the place of Keras' own; SHA-256 of its true file is the pinned one."""
    with serve() as server:
        monkeypatch.setattr(keras_weights, "_SERVER", server.url)
        digest = f"sha256:{hashlib.sha256(b'weights').hexdigest()}"
        monkeypatch.setattr(keras_weights, "FILES", {"MobileNet": ("net.h5", digest)})
        server.answers = {"/net.h5": b"weights"}
        yield server


def test_weights_are_used_only_if_they_have_the_pinned_digest(served, tmp_path: Path):
    artefact = keras_weights.artefact("MobileNet")
    served.answers["/net.h5"] = b"planted"
    with pytest.raises(FetchError) as error:
        fetch(artefact, tmp_path)
    planted = hashlib.sha256(b"planted").hexdigest()
    assert f"MobileNet.h5 has sha256 {planted}, expected {artefact_digest()}" in str(error.value)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "MobileNet.h5").write_bytes(b"planted")  # by someone else, before the download
    with pytest.raises(FetchError):
        fetch(artefact, tmp_path)
    served.answers["/net.h5"] = b"weights"
    (tmp_path / "MobileNet.h5").unlink()
    fetch(artefact, tmp_path)
    assert (tmp_path / "MobileNet.h5").read_bytes() == b"weights"


def artefact_digest() -> str:
    return keras_weights.FILES["MobileNet"][1].partition(":")[2]


def test_weights_that_cannot_be_fetched_are_named_with_what_to_do(served, tmp_path: Path):
    served.answers = {}
    with pytest.raises(FetchError) as error:
        fetch(keras_weights.artefact("MobileNet"), tmp_path)
    by_hand = f"put all files of one of these lines into {tmp_path} and run again:"
    assert f"{by_hand}\n  - MobileNet.h5 ({served.url}/net.h5)" in str(error.value)
    (tmp_path / "MobileNet.h5").write_bytes(b"weights")  # by hand
    fetch(keras_weights.artefact("MobileNet"), tmp_path)


@pytest.mark.slow
def test_digests_are_those_of_keras(tensorflow):
    from keras.src import applications

    files = Path(applications.__file__).parent.glob("*.py")
    source = "".join(file.read_text() for file in files)
    for architecture, (_, digest) in keras_weights.FILES.items():
        known = digest.partition(":")[2] in source
        assert known == (architecture not in UNVERIFIED_BY_KERAS)


def test_jobs_have_a_home_of_keras_in_resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name in ("KERAS_HOME", "GLIBC_TUNABLES", "PYTHONPATH"):
        monkeypatch.setenv(name, "restored after the test")
        monkeypatch.delenv(name)
    job_environment.prepare(submitted=False)
    assert os.environ["KERAS_HOME"] == str(tmp_path / "resources" / "keras")


@pytest.mark.slow
def test_keras_reads_and_writes_no_settings_in_the_shared_temporary_folder(tmp_path: Path):
    code = (
        "from transfer_gain.runtime import job_environment\n"
        "job_environment.prepare(submitted=False)\n"
        "from transfer_gain.features import keras_networks\n"
        "from keras.src.backend import config\n"
        "print(config.keras_home())\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_HOME"}
    # A home that cannot be written: Keras would use /tmp/.keras, as on some cluster nodes.
    environment |= {"HOME": str(tmp_path / "none"), "PYTHONPATH": str(ROOT / "workflow")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / "resources" / "keras")]
    assert (tmp_path / "resources" / "keras" / "keras.json").exists()
