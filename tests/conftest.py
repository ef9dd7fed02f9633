"""What tests of several modules share."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")
# The same examples each time, so that what fails is due to the change (--hypothesis-profile=anew).
settings.register_profile("anew", settings())
settings.register_profile("same", derandomize=True)
settings.load_profile("same")
WEIGHTS = Path(__file__).parents[1] / "resources" / "weights" / "vgg16-imagenet.npz"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the real weights as `network` where a fetch must bring them."""
    if not WEIGHTS.exists():
        for item in items:
            if "vgg16_weights_file" in getattr(item, "fixturenames", ()):
                item.add_marker("network")


def pytest_collection_finish() -> None:
    """Set up TensorFlow if a test module has imported it, since its first use fixes the threads."""
    if "tensorflow" in sys.modules:
        _set_up_tensorflow()


def _set_up_tensorflow():
    """Return TensorFlow, set up as in a job of two threads without an accelerator."""
    from transfer_gain import gpus
    from transfer_gain.training import devices

    visible = os.environ.get(gpus.VISIBLE)
    devices.configure(gpu=False, calls=2)
    os.environ.pop(gpus.VISIBLE)  # it hides GPUs from this process, not from those that tests start
    if visible is not None:
        os.environ[gpus.VISIBLE] = visible
    return devices.tf


@pytest.fixture(scope="session")
def vgg16_weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real weights: those that the workflow fetched, else fetched once a session."""
    if WEIGHTS.exists():
        return WEIGHTS
    from transfer_gain.data.sources import vgg16_weights
    from transfer_gain.data.sources.fetch import fetch

    folder = tmp_path_factory.mktemp("weights")
    fetch(vgg16_weights.ARTEFACT, folder)
    return folder / vgg16_weights.FILE


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium, in which the report is looked at."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next(filter(None, map(shutil.which, names)), None)
    if not found:
        pytest.skip(f"needs a browser, and none of {', '.join(names)} is installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def tensorflow():
    """TensorFlow, imported and set up."""
    return _set_up_tensorflow()


@pytest.fixture
def closed_figures():
    """Close all figures of Matplotlib after the test."""
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[Path]]:
    """A copy of the checkout in which stubs made the study once, and the files that this made."""
    import stubbed_workflow

    return stubbed_workflow.run_once(tmp_path_factory.mktemp("checkout"), stubbed_workflow.STUDY)


@pytest.fixture
def made(first_run: tuple[Path, set[Path]]) -> Path:
    """A copy of the checkout in which stubs made the study once; to be left as it is."""
    return first_run[0]
