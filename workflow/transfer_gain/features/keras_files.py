"""Refuse files for Keras that take more memory than they hold, or that read other files.

Nothing of them is allocated to find out.
"""

import json
import zipfile
from pathlib import Path
from typing import IO

import h5py

from transfer_gain.features.frozen import BackboneError
from transfer_gain.printable import printable, shorten
from transfer_gain.training.devices import tf

import keras  # isort: skip  (after TensorFlow is set up)

WEIGHTS = "model.weights.h5"
PARTS = ("metadata.json", "config.json", WEIGHTS)  # of a network that Keras saved


def check_network(path: Path) -> None:
    """Check a network that Keras saved and whose config holds no code (`network_files`).

    Raises:
        BackboneError: it has other parts, which Keras would unpack into a folder, a part of it is
            compressed, or it claims more weights than it holds.
    """
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            stored = entry.compress_type == zipfile.ZIP_STORED
            if entry.filename not in PARTS or not stored:
                found = printable(shorten(entry.filename)) + ("" if stored else " compressed")
                raise BackboneError(f"{path}: found {found}, expected a network as Keras saves it")
        config = json.loads(archive.read("config.json"))
        with archive.open(WEIGHTS) as weights:
            check_weights(path, weights)
    # How it was trained is never read: it may name code.
    network = json.dumps({**config, "compile_config": None})
    # In a graph, weights are described and not made.
    with tf.Graph().as_default(), keras.StatelessScope():
        claimed = keras.models.model_from_json(network).count_params()
    held = path.stat().st_size
    if claimed > held:  # a weight takes a byte or more
        raise BackboneError(
            f"{path}: found a network of {claimed:,} weights in {held:,} bytes, expected a network "
            "as Keras saves it"
        )


def check_weights(path: Path, file: Path | IO[bytes]) -> None:
    """Check a file of weights in HDF5.

    Args:
        path: what an error names.
        file: the file itself.

    Raises:
        BackboneError: it leads to other files, or is larger in memory than on the disk.
        OSError: it is no HDF5.
    """
    with h5py.File(file, "r") as tensors:
        linked: list[str] = []
        arrays: list[h5py.Dataset] = []
        tensors.visititems_links(
            lambda name, link: linked.append(name) if not isinstance(link, h5py.HardLink) else None
        )
        tensors.visititems(
            lambda _, each: arrays.append(each) if isinstance(each, h5py.Dataset) else None
        )
        linked += [each.name for each in arrays if each.external or each.is_virtual]
        if linked:
            raise BackboneError(
                f"{path}: found a link to another place ({linked[0]}), expected the weights "
                "themselves"
            )
        size, held = sum(each.nbytes for each in arrays), tensors.id.get_filesize()
        if size > held:
            raise BackboneError(
                f"{path}: found {size:,} bytes of weights in {held:,}, expected weights as Keras "
                "saves them"
            )
