"""Predict the classes of pictures: `python -m transfer_gain.predict MODEL IMAGES --out FILE`."""

import argparse
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transfer_gain.model import description
from transfer_gain.model.description import ModelError
from transfer_gain.printable import printable, printable_lines

SHOWN = 10  # bad files that are named


def main() -> None:
    """Predict as the command line asks for; an error is one line."""
    parser = argparse.ArgumentParser(
        prog="python -m transfer_gain.predict",
        description="Predict the classes of pictures with a model that a study made.",
    )
    parser.add_argument("model", type=Path, help="folder of the model: results/…/model/<dataset>")
    parser.add_argument("images", type=Path, help="a folder, an archive or a picture")
    parser.add_argument("--out", type=Path, default=Path("predictions.csv"), help="CSV to write")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        _predict(asked.model, asked.images, asked.out)
    except ValueError as error:
        if not type(error).__module__.startswith("transfer_gain"):
            raise
        sys.exit(f"error: {printable_lines(str(error))}")
    except OSError as error:
        sys.exit(f"error: {printable(error.filename or asked.out)}: {printable(error.strerror)}")


def _predict(model: Path, images: Path, out: Path) -> None:
    described = description.read(model)
    if out.is_dir():
        raise ModelError(out, "a folder", "expected the name of a CSV to write")
    if not out.parent.is_dir():
        raise ModelError(out.parent, "no folder", "expected one to write the CSV to")
    # TensorFlow, which takes seconds to import, is not needed to refuse these.
    with _quiet():
        from transfer_gain.predict import table
        from transfer_gain.training import devices

        devices.configure(gpu=False)
    predictions = table.predict(model, described, images, os.cpu_count() or 1)
    table.write(predictions, out)
    bad = predictions[predictions[table.PROBLEM].notna()]
    for _, row in bad.head(SHOWN).iterrows():
        print(f"not used: {row['file']}: {row[table.PROBLEM]}", file=sys.stderr)
    if len(bad) > SHOWN:
        print(f"not used: {len(bad) - SHOWN} more, see the column problem", file=sys.stderr)
    strange = int((predictions["unlike_training"] == True).sum())  # noqa: E712  (or missing)
    print(
        f"{printable(out)}: {len(predictions) - len(bad)} pictures, {strange} unlike anything "
        f"trained on, {len(bad)} files not used"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop what TensorFlow's libraries say of the machine while they are loaded."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


if __name__ == "__main__":
    main()
