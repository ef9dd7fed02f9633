"""Promises of the images: the same bytes from any number of processes."""

from pathlib import Path

import pytest

from transfer_gain.data import images
from transfer_gain.data.fitting import Fit
from transfer_gain.data.sources.peeps import Peeps


@pytest.mark.slow
def test_any_number_of_processes_writes_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(images, "BATCH", 10)  # seven batches, the last one short
    written = []
    for processes in (1, 3):
        file = tmp_path / f"{processes}.parquet"
        images.write_images(
            Peeps(9, seed=2018, size=32),
            file,
            dataset="peeps",
            training_per_class=7,
            validation_per_class=2,
            how=Fit(32),
            study_seed=1,
            processes=processes,
        )
        written.append(file.read_bytes())
    assert written[0] == written[1]
