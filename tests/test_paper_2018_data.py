"""The 2018 paper's data in full number: archives of the real layout, through the real rules."""

import zipfile
from itertools import product
from pathlib import Path

import pandas as pd
import pytest
import yaml
from PIL import Image

from checkout import ROOT, copy_checkout, snakemake
from containers import encode, noise, png

pytestmark = pytest.mark.slow

FERG_COUNT, JAFFE_COUNT = 55_767, 213  # as they are distributed
EXPRESSIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")


def write_ferg(path: Path) -> None:
    """Write an archive laid out as FERG-DB, of as many (but tiny) frames."""
    folders = product(("aia", "bonnie", "jules", "malcolm", "mery", "ray"), EXPRESSIONS)
    folders = [f"FERG_DB_256/{who}/{who}_{what}/{who}_{what}" for who, what in folders]
    pictures = [png(noise(seed)) for seed in range(200)]
    with zipfile.ZipFile(path, "w") as archive:
        for frame in range(FERG_COUNT):
            number, folder = divmod(frame, len(folders))
            archive.writestr(f"{folders[folder]}_{number}.png", pictures[frame % len(pictures)])


def write_jaffe(path: Path) -> None:
    """Write an archive laid out as JAFFE, of as many (but tiny) photographs."""
    codes = ("AN", "DI", "FE", "HA", "NE", "SA", "SU")
    with zipfile.ZipFile(path, "w") as archive:
        for photograph in range(JAFFE_COUNT):
            name = f"jaffe/KA.{codes[photograph % 7]}{photograph // 7}.{photograph}.tiff"
            picture = encode(Image.fromarray(noise(photograph, (6, 5))), "TIFF")
            archive.writestr(name, picture)


def test_the_archives_give_tables_1_and_2_row_for_row(tmp_path: Path):
    folder = copy_checkout(tmp_path)
    study = yaml.safe_load((ROOT / "workflow/studies/paper-2018.yaml").read_text())
    del study["datasets"]["clothes"]
    write_ferg(folder / study["datasets"]["expressions"]["path"])
    write_jaffe(folder / study["datasets"]["japanese"]["path"])
    table = f"{study['results']}/tables/fractions.csv"
    done = snakemake(folder, "--cores", "2", table, study=study, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    fractions = pd.read_csv(folder / table)
    counts = ["training_samples", "training_per_class", "validation_samples"]
    counts += ["validation_per_class"]
    published = yaml.safe_load((ROOT / "workflow/published_2018.yaml").read_text())["fractions"]
    for printed in (row for row in published if row["dataset"] == "expressions"):
        (ours,) = fractions[
            (fractions["dataset"] == "expressions") & (fractions["fraction"] == printed["fraction"])
        ][counts].to_dict("records")
        assert ours == {name: printed[name] for name in counts}
    (japanese,) = fractions[fractions["dataset"] == "japanese"].to_dict("records")
    assert (japanese["training_samples"], japanese["training_per_class"]) == (203, 29)
