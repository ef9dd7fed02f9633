"""Refuse files for Keras that take more memory than they hold, or that read other files.

Nothing of them is allocated to find out.
"""

import json
import zipfile
from pathlib import Path
from typing import IO

import h5py

from transfer_gain.config.network_files import KERAS_WEIGHTS
from transfer_gain.features.frozen import BackboneError
from transfer_gain.training.devices import tf

import keras  # isort: skip  (after TensorFlow is set up)


def check_network(path: Path) -> None:
    """Check the weights of a network that Keras saved; its parts are checked (`network_files`).

    Raises:
        BackboneError: they are not as `check_weights` expects, or it claims more than it holds.
    """
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
        with archive.open(KERAS_WEIGHTS) as weights:
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
