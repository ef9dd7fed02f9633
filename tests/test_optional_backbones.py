"""Promises of optional backbones: left out with the reason, the same in every later run."""

import json
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from checkout import copy_checkout
from configs import refusal
from stubbed_workflow import STUDY, planned, snakemake
from transfer_gain.config.loading import load
from transfer_gain.runtime import optional_backbones

BACKBONES = STUDY["backbones"] | {
    "mobile": {"architecture": "MobileNetV2", "optional": True},
    "needed": {"architecture": "ResNet50"},
}


@pytest.fixture
def study(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return load({"backbones": BACKBONES})


def fails() -> str:
    pytest.fail("asked again")


def test_what_cannot_be_fetched_is_left_out_and_asked_for_once(study, tmp_path: Path):
    file = tmp_path / "weights" / "host.json"
    left_out = optional_backbones.left_out(study, file, lambda: "no such host")
    why = "the ImageNet weights of MobileNetV2 cannot be fetched (no such host)"
    assert left_out == {"mobile": why}
    assert optional_backbones.left_out(study, file, fails) == left_out
    text = optional_backbones.describe(left_out, file)
    assert f"mobile, since {why}" in text
    assert f"delete {file}" in text
    file.unlink()
    assert optional_backbones.left_out(study, file, lambda: None) == {}
    assert optional_backbones.left_out(study, file, fails) == {}


def test_weights_that_are_there_are_used_whatever_the_network(study, tmp_path: Path):
    file = tmp_path / "host.json"
    weights = Path("resources/weights/MobileNetV2.h5")
    weights.parent.mkdir(parents=True)
    weights.touch()
    assert optional_backbones.left_out(study, file, fails) == {}


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"unreachable"'])
def test_a_damaged_answer_is_asked_for_again(study, tmp_path: Path, content: bytes):
    file = tmp_path / "host.json"
    file.write_bytes(content)
    assert optional_backbones.left_out(study, file, lambda: "down\nagain").keys() == {"mobile"}
    assert json.loads(file.read_text()) == {"unreachable": "down\nagain"}
    (why,) = optional_backbones.left_out(study, file, fails).values()
    assert len(why.splitlines()) == 1


def test_the_host_is_asked_for_the_file_itself(tmp_path: Path):
    (tmp_path / "there.h5").write_bytes(b"weights")
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert optional_backbones.unreachable(f"{address}/there.h5") is None
        assert optional_backbones.unreachable(f"{address}/not.h5") == "File not found"
        server.shutdown()
    assert optional_backbones.unreachable(f"{address}/there.h5", 1)
    assert optional_backbones.unreachable("no address")


def test_only_imagenet_weights_are_optional():
    backbone = {"architecture": "VGG16", "weights": "none", "optional": True}
    message = refusal({"backbones": {"mine": backbone}})
    assert message.endswith("optional: found True, allowed: false with weights 'none'")


@pytest.mark.slow
def test_a_study_goes_on_without_an_optional_backbone(tmp_path: Path):
    folder = copy_checkout(tmp_path)
    backbones = {name: BACKBONES[name] for name in ("vgg16", "mobile")}
    host = folder / "resources/weights/host.json"
    host.parent.mkdir(parents=True, exist_ok=True)
    host.write_text('{"unreachable": null}')
    assert "fetch_weights MobileNetV2" in planned(folder, study=STUDY | {"backbones": backbones})
    host.write_text('{"unreachable": "no such host"}')
    without = planned(folder, study=STUDY | {"backbones": backbones})
    assert without == planned(folder, study=STUDY)
    for script in folder.glob("workflow/scripts/*.py"):
        script.write_text("for file in snakemake.output: open(file, 'w').close()\nraise SystemExit")
    done = snakemake(
        folder, "--cores", "1", "resources/weights/vgg16-imagenet.npz",
        study=STUDY | {"backbones": backbones},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Backbones left out: mobile, since the ImageNet weights of MobileNetV2" in done.stderr
    assert "(no such host)" in done.stderr
