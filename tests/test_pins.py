"""Promises of envs/: one source of pins, with hashes, the same for pip, conda and GPU."""

import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
ENVS = ROOT / "envs"
LOCKED = [
    *sorted(ENVS.glob("*.txt")),
    ROOT / "tests" / "requirements.txt",
    ROOT / "benchmarks" / "requirements.txt",
]
NO_WHEEL = "connection-pool"


def blocks(path: Path) -> dict[str, set[str]]:
    """Return the hashes of each pin, "package==version ; marker"."""
    found = {}
    for block in re.split(r"\n(?=\S)", path.read_text().strip()):
        pin, *hashes = re.split(r"[ \\\n]+(?=--hash=)", block)
        found[pin] = {each.rstrip(" \\\n") for each in hashes}
    return found


def pins(name: str) -> set[str]:
    """Return "package==version ; marker" of each pin."""
    return set(blocks(ENVS / name))


def test_every_package_that_is_used_is_pinned():
    used = re.findall(r"^([a-z][a-z0-9-]*)", (ENVS / "requirements.in").read_text(), re.MULTILINE)
    pinned = {pin.split("==")[0] for pin in pins("requirements.txt")}
    assert len(used) > 15
    assert set(used) <= pinned


def test_every_pin_has_a_version_and_hashes():
    assert len(LOCKED) == 6
    for path in LOCKED:
        for pin, hashes in blocks(path).items():
            assert re.fullmatch(r"[a-z0-9-]+(\[[a-z-]+\])?==[0-9][^ ]*( ; .*)?", pin), path
            assert hashes, (path, pin)
            assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each) for each in hashes), path


def test_what_builds_the_package_without_a_wheel_is_pinned_as_everywhere():
    builds, all_pins = blocks(ENVS / "requirements-build.txt"), blocks(ENVS / "requirements.txt")
    assert [pin.split("==")[0] for pin in builds] == ["setuptools"]
    assert builds.items() <= all_pins.items()


def test_the_benchmarks_have_the_versions_of_the_project():
    def versions(path: Path) -> set[tuple[str, ...]]:
        return {tuple(pin.split(" ")[0].split("==")) for pin in blocks(path)}

    ours, theirs = versions(ENVS / "requirements.txt"), versions(LOCKED[-1])
    of_both = {name for name, _ in ours} & {name for name, _ in theirs}
    assert {"numpy", "protobuf"} <= of_both
    assert {pin for pin in theirs if pin[0] in of_both} <= ours
    wanted = (ROOT / "benchmarks" / "requirements.in").read_text()
    assert set(re.findall(r"^([a-z]+)==(.*)", wanted, re.MULTILINE)) <= theirs


def test_a_store_has_the_versions_of_the_project_but_for_one():
    # Of some packages, the project needs fewer Pythons than the store.
    ours = {pin.split()[0] for pin in pins("requirements.txt")}
    names = {pin.split("==")[0] for pin in ours}
    for path in (ENVS / "requirements-store.txt", ROOT / "tests" / "requirements.txt"):
        theirs = {pin.split()[0] for pin in blocks(path)}
        others = {pin.split("==")[0] for pin in theirs - ours}
        assert others & names == {"python-dateutil"}, path


def test_make_installs_wheels_of_known_hashes_and_one_package_with_pinned_tools():
    said = subprocess.run(
        ["make", "--dry-run", "--always-make", "bench"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    commands = [line for line in said.splitlines() if "pip install" in line]
    assert len(commands) == 3
    for command in commands:
        assert "--require-hashes --only-binary=:all:" in command
    build, environment, _ = commands
    assert build.endswith("-r envs/requirements-build.txt")
    sources = [each for each in commands if "--no-binary" in each]
    assert sources == [environment]
    assert f"--no-binary={NO_WHEEL} --no-build-isolation" in environment


def test_no_file_names_an_index():
    for path in (*ENVS.iterdir(), *LOCKED):
        assert not re.search(r"index-url|find-links|https?://", path.read_text()), path.name


def test_the_gpu_variant_has_the_same_pins_and_the_cuda_libraries():
    def versions(name: str) -> set[str]:
        return {re.sub(r"\[.*?\]| ;.*", "", pin) for pin in pins(name)}

    assert versions("requirements.txt") <= versions("requirements-gpu.txt")
    more = versions("requirements-gpu.txt") - versions("requirements.txt")
    assert any(pin.startswith("nvidia-cudnn") for pin in more)


def test_conda_s_environment_has_the_same_pins_and_hashes():
    environment = yaml.safe_load((ENVS / "environment.yaml").read_text())
    (pip,) = [each["pip"] for each in environment["dependencies"] if isinstance(each, dict)]
    assert pip[0] == "--only-binary=:all:"
    found = {pin: set(hashes) for pin, *hashes in (each.split(" --hash") for each in pip[1:])}
    expected = blocks(ENVS / "requirements.txt")
    (source,) = [pin for pin in expected if pin.startswith(f"{NO_WHEEL}==")]
    del expected[source]
    assert found == {
        pin: {each.removeprefix("--hash") for each in hashes} for pin, hashes in expected.items()
    }
    version = source.split(" ")[0].split("==")[1]
    assert f"{NO_WHEEL.replace('-', '_')} =={version}" in environment["dependencies"]
