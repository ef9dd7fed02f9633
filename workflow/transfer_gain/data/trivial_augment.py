"""TrivialAugment: each image is changed by one random operation of random strength.

Müller & Hutter, "TrivialAugment: Tuning-free yet state-of-the-art data augmentation" (ICCV 2021).
It has no settings to tune and does as well as RandAugment. The operations and ranges are those of
the paper's standard space; the operations themselves are OpenCV's and Pillow's. As is usual,
every image is also shifted and mirrored.
"""

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from transfer_gain.data import augmentation

GEOMETRIC = ("identity", "shear-x", "shear-y", "translate-x", "translate-y", "rotate")
PHOTOMETRIC = (
    "auto-contrast",
    "equalize",
    "posterize",
    "solarize",
    "color",
    "contrast",
    "brightness",
    "sharpness",
)
OPERATIONS = GEOMETRIC + PHOTOMETRIC
ENHANCERS = {
    "color": ImageEnhance.Color,
    "contrast": ImageEnhance.Contrast,
    "brightness": ImageEnhance.Brightness,
    "sharpness": ImageEnhance.Sharpness,
}
# Strongest changes, either way: shear, degrees, share of the side (10 of CIFAR's 32 pixels),
# change of an enhancement; and the bits that posterizing leaves at least.
SHEAR, ROTATION, TRANSLATION, ENHANCEMENT, BITS = 0.3, 30.0, 10 / 32, 0.9, 4


def draw(rng: np.random.Generator, count: int, *, shift: float, flip: bool) -> np.ndarray:
    """Draw an operation and an affine map for each image.

    Args:
        rng: draws.
        count: number of images.
        shift: every image is shifted by up to this share of its side along each axis.
        flip: whether every other image is mirrored left to right.

    Returns:
        float32 (count, 8): number of the operation in `OPERATIONS`, strength from -1 to 1, and the
        six values of a map as `augmentation.draw_transforms` returns it.
    """
    maps = augmentation.draw_transforms(
        rng, count, rotation=0, shift=shift, zoom=0, shear=0, flip=flip
    )
    operations = rng.integers(0, len(OPERATIONS), count)
    strengths = rng.uniform(-1, 1, count)
    for row, (operation, strength) in enumerate(zip(operations, strengths, strict=True)):
        maps[row] = _map(OPERATIONS[operation], strength) @ np.vstack([maps[row], (0, 0, 1)])
    return np.column_stack([operations, strengths, maps.reshape(count, 6)]).astype(np.float32)


def apply(images: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Change images.

    Args:
        images: uint8 (..., height, width, 1 or 3).
        drawn: as `draw` returns it, (..., 8).

    Returns:
        uint8, as `images`.
    """
    changed = augmentation.apply(images, drawn[..., 2:].reshape(*drawn.shape[:-1], 2, 3))
    flat = changed.reshape(-1, *images.shape[-3:])
    for image, (operation, strength) in zip(
        flat, drawn[..., :2].reshape(-1, 2).tolist(), strict=True
    ):
        name = OPERATIONS[int(operation)]
        if name in PHOTOMETRIC:
            picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
            image[...] = np.asarray(_photometric(picture, name, strength)).reshape(image.shape)
    return changed


def _map(name: str, strength: float) -> np.ndarray:
    """Return the affine map (2, 3) of a geometric operation; the identity for the others."""
    map_ = np.eye(2, 3)
    if name.startswith("shear"):
        map_[(0, 1) if name == "shear-x" else (1, 0)] = SHEAR * strength
    elif name.startswith("translate"):
        map_[int(name == "translate-y"), 2] = 2 * TRANSLATION * strength
    elif name == "rotate":
        angle = np.radians(ROTATION * strength)
        map_[:, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return map_


def _photometric(picture: Image.Image, name: str, strength: float) -> Image.Image:
    """Return a picture, changed in brightness, contrast or color."""
    if name == "auto-contrast":
        return ImageOps.autocontrast(picture)
    if name == "equalize":
        return ImageOps.equalize(picture)
    if name == "posterize":
        return ImageOps.posterize(picture, 8 - round((8 - BITS) * abs(strength)))
    if name == "solarize":
        return ImageOps.solarize(picture, round(256 * (1 - abs(strength))))
    return ENHANCERS[name](picture).enhance(1 + ENHANCEMENT * strength)
