"""Names that tools give to lens models, and the order of their parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mono.geometry.lens_models import MODELS
from mono.io.camera_values import CameraFileError

# COLMAP's models in the order of their numbers in binary files: (focal lengths, our model, number of its parameters).
COLMAP_MODELS: dict[str, tuple[int, str, int]] = {
    "SIMPLE_PINHOLE": (1, "pinhole", 0),
    "PINHOLE": (2, "pinhole", 0),
    "SIMPLE_RADIAL": (1, "pinhole", 1),
    "RADIAL": (1, "pinhole", 2),
    "OPENCV": (2, "pinhole", 4),
    "OPENCV_FISHEYE": (2, "fisheye", 4),
    "FULL_OPENCV": (2, "pinhole", 8),
    "FOV": (2, "fov", 1),
    "SIMPLE_RADIAL_FISHEYE": (1, "fisheye", 1),
    "RADIAL_FISHEYE": (1, "fisheye", 2),
    "THIN_PRISM_FISHEYE": (2, "thin_prism_fisheye", 8),
    "RAD_TAN_THIN_PRISM_FISHEYE": (2, "rad_tan_thin_prism_fisheye", 12),
    "SIMPLE_DIVISION": (1, "division", 1),
    "DIVISION": (2, "division", 1),
    "SIMPLE_FISHEYE": (1, "fisheye", 0),
    "FISHEYE": (2, "fisheye", 0),
    "EUCM": (2, "eucm", 2),
    "EQUIRECTANGULAR": (0, "equirectangular", 0),
}
_ALIASES = {
    "pinhole": """none null perspective rectilinear rectified plumb_bob rational_polynomial radtan radial_tangential
        brown brown_conrady thin_prism""",
    "fisheye": "equidistant equi opencvfisheye kannala_brandt kannala_brandt4 kannala_brandt8 kb4 kb8 kb_4 kb_8",
    "rad_tan_thin_prism_fisheye": "fisheye624",
    "fov": "atan ftheta f_theta",
    "unified": "omni omnidirectional mei unified_omnidirectional",
    "double_sphere": "ds",
    "eucm": "extended_unified",
    "equirectangular": "spherical panorama 360 equirect",
}
# Models of RealSense whose coefficients mean something else; cameras name them with zeros.
_ZERO_ONLY = ("inversebrownconrady", "modifiedbrownconrady")
_STRICT_KEYS = ("camera_model", "model_type", "distortion_model", "projection_type")
_PARAMETER_KEYS = {"s1": ("s1", "sx1"), "s3": ("s3", "sy1"), "omega": ("omega", "w_fov"), "k": ("k",)}


def _plain(name: object) -> str:
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


_MODEL_NAMES = (
    {_plain(name): model for name, (_, model, _) in COLMAP_MODELS.items()}
    | {_plain(name): model for model, names in _ALIASES.items() for name in names.split()}
    | {_plain(model): model for model in MODELS}
)


def lens_model(path: Path, place: str, named: Iterable[tuple[str, Any]], has_distortion: bool) -> str:
    """Choose the lens model that the entries of a camera file name.

    Args:
        path: the file, for messages.
        place: the place in the file, for messages.
        named: keys as written and their values.
        has_distortion: some coefficient is not zero.

    Raises:
        CameraFileError: a model is unknown, or two entries contradict each other.
    """
    chosen: dict[str, str] = {}
    for key, value in named:
        model = _MODEL_NAMES.get(_plain(value))
        if model is None and _plain(value) in _ZERO_ONLY:
            if has_distortion:
                raise CameraFileError(
                    f"{path}: {place}{key} is {value!r:.80}, whose coefficients have another meaning than OpenCV's; "
                    "calibrate with OpenCV's model, or set them to 0 for a rectified stream"
                )
            model = "pinhole"
        strict = has_distortion or (key.lower() in _STRICT_KEYS and value != "")  # simulators leave it empty
        if model is None and strict and isinstance(value, str):
            raise CameraFileError(
                f"{path}: {place}{key} is {value!r:.80}, a lens model that is not known; known are "
                f"{', '.join(MODELS)} and COLMAP's, Kalibr's and ROS's names for them"
            )
        if model is not None:
            chosen[key] = model
    kinds = {key: model for key, model in chosen.items() if model != "pinhole"}
    if len(set(kinds.values())) > 1:
        (first, model), (second, other) = list(kinds.items())[:2]
        raise CameraFileError(f"{path}: {place}{first} ({model}) contradicts {second} ({other}); keep one")
    return next(iter(kinds.values()), "pinhole")


def parameter_keys(model: str) -> list[tuple[str, ...]]:
    """Return the keys that may hold each parameter of a model."""
    return [_PARAMETER_KEYS.get(name, (name,)) for name in MODELS[model].names] if model != "equirectangular" else []


def fitted_parameters(model: str, parameters: Sequence[float]) -> tuple[float, ...]:
    """Cut zeros off a list of coefficients that is longer than the model's."""
    count = len(parameters)
    while count > len(MODELS[model].names) and parameters[count - 1] == 0:
        count -= 1
    return tuple(parameters[:count])
