"""Promises of envs/: one source of pins, with hashes, the same for pip, conda and GPU."""

import re
from pathlib import Path

import yaml

ENVS = Path(__file__).parents[1] / "envs"


def pins(name: str) -> set[str]:
    """Return "package==version ; marker" of each pin."""
    lines = (ENVS / name).read_text().splitlines()
    return {line.rstrip(" \\") for line in lines if re.match(r"[a-z0-9]", line)}


def test_every_package_that_is_used_is_pinned():
    used = re.findall(r"^([a-z][a-z0-9-]*)", (ENVS / "requirements.in").read_text(), re.MULTILINE)
    pinned = {pin.split("==")[0] for pin in pins("requirements.txt")}
    assert len(used) > 15
    assert set(used) <= pinned


def test_every_pin_has_a_version_and_a_hash():
    for name in ("requirements.txt", "requirements-gpu.txt"):
        blocks = re.split(r"\n(?=\S)", (ENVS / name).read_text().strip())
        assert all("==" in block and "--hash=sha256:" in block for block in blocks), name


def test_no_file_names_an_index():
    for path in ENVS.iterdir():
        assert not re.search(r"index-url|find-links|https?://", path.read_text()), path.name


def test_the_gpu_variant_has_the_same_pins_and_the_cuda_libraries():
    def versions(name: str) -> set[str]:
        return {re.sub(r"\[.*?\]| ;.*", "", pin) for pin in pins(name)}

    assert versions("requirements.txt") <= versions("requirements-gpu.txt")
    more = versions("requirements-gpu.txt") - versions("requirements.txt")
    assert any(pin.startswith("nvidia-cudnn") for pin in more)


def test_conda_s_environment_has_the_same_pins():
    environment = yaml.safe_load((ENVS / "environment.yaml").read_text())
    (pip,) = [each["pip"] for each in environment["dependencies"] if isinstance(each, dict)]
    assert set(pip) == pins("requirements.txt")
