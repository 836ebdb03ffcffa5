"""Names that tools give to lens models, and the order of their parameters."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mono.geometry.lens_models import MODELS
from mono.io.cameras.values import CameraFileError

logger = logging.getLogger(__name__)

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
    "pinhole": """none null na perspective rectilinear rectified plumb_bob rational_polynomial radtan radial_tangential
        brown brown_conrady thin_prism opencv5 opencv8 pinhole_full""",
    "fisheye": "equidistant equi opencvfisheye kannala_brandt kannala_brandt4 kannala_brandt8 kb kb4 kb8 kb_4 kb_8",
    "rad_tan_thin_prism_fisheye": "fisheye624",
    "fov": "atan ftheta f_theta",
    "unified": "omni omnidirectional mei unified_omnidirectional",
    "double_sphere": "ds",
    "division": "radial_division",
    "eucm": "extended_unified ucm",
    "equirectangular": "spherical panorama 360 equirect",
}
# Models of RealSense in the order of their numbers. The coefficients of two of them mean something else than OpenCV's;
# cameras name them with zeros.
_REALSENSE = ("None", "Modified Brown Conrady", "Inverse Brown Conrady", "F-Theta", "Brown Conrady", "Kannala Brandt4")
_ZERO_ONLY = ("inversebrownconrady", "modifiedbrownconrady")
_STRICT_KEYS = ("camera_model", "model_type", "distortion_model", "projection_type")
_LENS_WORDS = re.compile(
    "polynom|(^|_)poly(_|$)|radial|tangential|fish.?eye|(?<!un)distort|brown|conrady|kannala|division|"
    "equi(dist|rect|sol)|(^|_)equi(\\d|_|$)|pinhole_fov|^kb_?\\d+$|dioptric|cube.?map|mercator|opencv_tilt|"
    "double.?sphere|omni(?!vision)|unified|spheric|prism|f[-_ ]?theta|scaramuzza|ocam|rational|"
    "stereographic|orthographic|panoram|cylind|\\b360\\b",
    re.IGNORECASE,
)
_OF_PINHOLES = re.compile("(?<!un)distort|brown|conrady|tangential", re.IGNORECASE)
_PARAMETER_KEYS = {"s1": ("s1", "sx1"), "s3": ("s3", "sy1"), "omega": ("omega", "w_fov"), "k": ("k",)}


def _plain(name: object) -> str:
    """Reduce a name to letters and digits, without prefixes of makers and what kind of name it is."""
    text = re.sub(r"^.*\bdistortion\.|^rs2_distortion_|^k4a_.*distortion_model_|:.*$", "", str(name).lower())
    plain = re.sub(r"[^a-z0-9]", "", text)
    return re.sub(r"(?<=[a-z])(camera|model|lens|view)+$", "", plain)


_MODEL_NAMES = (
    {_plain(name): model for name, (_, model, _) in COLMAP_MODELS.items()}
    | {_plain(name): model for model, names in _ALIASES.items() for name in names.split()}
    | {_plain(model): model for model in MODELS}
)


def names_lens(value: Any) -> bool:
    """Tell if a value names a lens model other than a pinhole's, known or not, in one word."""
    text = value.strip() if isinstance(value, str) else ""
    known = _MODEL_NAMES.get(_plain(text))
    return known != "pinhole" if known else " " not in text and bool(_LENS_WORDS.search(_OF_PINHOLES.sub("", text)))


def is_ucm(named: Iterable[tuple[str, Any]]) -> bool:
    """Tell if entries name the unified model of alpha alone."""
    return any(isinstance(value, str) and _plain(value) == "ucm" for _, value in named)


def lens_model(path: Path, named: Iterable[tuple[str, Any]], has_distortion: bool, realsense: bool = False) -> str:
    """Choose the lens model that the entries of a camera file name.

    A name of a device is passed over, as are numbers; where the model matters, a warning tells.

    Args:
        path: the file, for messages.
        named: keys as written and their values.
        has_distortion: some coefficient is not zero.
        realsense: the other keys are those of a RealSense, whose models have numbers.

    Raises:
        CameraFileError: a model is unknown, or two entries contradict each other.
    """
    chosen: dict[str, str] = {}
    passed: dict[str, Any] = {}
    for key, value in named:
        shown, plain = f"{value!r:.80}", _plain(value) if isinstance(value, str) else ""
        if realsense and not isinstance(value, bool) and re.fullmatch(r"[0-5](\.0*)?", str(value)):
            shown, plain = f"{shown} ({_REALSENSE[int(float(value))]})", _plain(_REALSENSE[int(float(value))])
        model = _MODEL_NAMES.get(plain)
        if plain in _ZERO_ONLY:
            if has_distortion:
                raise CameraFileError(
                    f"{path}: {key} is {shown}, whose coefficients have another meaning than OpenCV's; "
                    "calibrate with OpenCV's model, or set them to 0 for a rectified stream"
                )
            model = "pinhole"
        if model is not None:
            chosen[key] = model
            continue
        strict, text = key.rpartition(".")[2].lower() in _STRICT_KEYS, value if isinstance(value, str) else None
        of_lens = text is not None and _LENS_WORDS.search(text) is not None
        of_device = key.lower().endswith("camera_model") and re.search(r"[\s\d]", str(text)) is not None
        of_model = of_lens if not strict or of_device else has_distortion or text != ""  # "": simulators
        if text is not None and of_model and (strict or has_distortion):
            raise CameraFileError(
                f"{path}: {key} is {shown}, a lens model that is not known; known are "
                f"{', '.join(MODELS)} and COLMAP's, Kalibr's and ROS's names for them"
            )
        if value != "" and (has_distortion or of_lens or strict or text is None):
            passed[key] = value
    kinds = {key: model for key, model in chosen.items() if model != "pinhole"}
    if len(set(kinds.values())) > 1:
        (first, model), (second, other) = list(kinds.items())[:2]
        raise CameraFileError(f"{path}: {first} ({model}) contradicts {second} ({other}); keep one")
    found = next(iter(kinds.values()), "pinhole")
    for key, value in passed.items():
        logger.warning("%s: %s is %.80r, which names no lens model; the model %s is used", path, key, value, found)
    return found


def parameter_keys(model: str) -> list[tuple[str, ...]]:
    """Return the keys of each parameter of a model."""
    return [_PARAMETER_KEYS.get(name, (name,)) for name in MODELS[model].names] if model != "equirectangular" else []


def fitted_parameters(model: str, parameters: Sequence[float]) -> tuple[float, ...]:
    """Cut zeros off a list of coefficients that is longer than the model's."""
    last = max((i + 1 for i, value in enumerate(parameters) if value), default=0)
    return tuple(parameters[: max(last, len(MODELS[model].names))])
