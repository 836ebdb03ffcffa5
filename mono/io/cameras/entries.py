"""Entries of cameras in JSON and YAML, by the names that tools give to them, nested or numbered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Entries = dict[str, list[tuple[str, Any]]]  # (key as written, value) by plain lower-case key

# This toolkit, nerfstudio (fl_x), RealSense (ppx), Kalibr and others (fu, u0), ORB-SLAM (Camera.fx), Record3D (K).
FX = ("fx", "fl_x", "focal_px", "fu", "focal_x", "alpha_x")
FY = ("fy", "fl_y", "fv", "focal_y", "alpha_y")
CX = ("cx", "ppx", "x0", "u0", "pu", "px", "principal_x")
CY = ("cy", "ppy", "y0", "v0", "pv", "py", "principal_y")
BOTH_FOCALS = ("focal", "focal_length", "f")
CENTER = ("principal_point", "pp", "center")
WIDTH = ("width", "w", "image_width", "img_width", "imwidth", "cols")
HEIGHT = ("height", "h", "image_height", "img_height", "imheight", "rows")
SIZE = ("resolution", "image_size", "img_size", "size")
MATRIX = (
    "k", "matrix", "camera_matrix", "cameramatrix", "intrinsic_matrix", "intrinsicmatrix", "cam_k", "cam_in",
    "intrinsics", "intrinsic", "k_matrix", "mtx", "camera_intrinsic", "camera_intrinsics", "cam_matrix",
    "cammatrix",
)  # fmt: skip
PROJECTION = ("p", "projection_matrix")  # of the rectified image; counts where there is no K
DISTORTION = (
    "distortion", "coeffs", "d", "dist", "dist_coeffs", "distcoeffs", "distortion_coefficients",
    "distortion_coeffs", "distortion_parameters", "distortioncoefficients", "dist_coeff", "distcoeff",
    "distortion_coefficient", "distortion_params", "distortion_coef", "coefficients",
)  # fmt: skip
COEFFICIENTS = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6", "xi")
FISHEYE_FLAGS = ("is_fisheye", "fisheye_model", "fisheye")  # nerfstudio, OpenCV's calibration sample
ANGLES = ("fov_deg", "camera_angle_x")
_BEARS_ON = {  # what keys tell of a camera
    "focal": (*FX, *FY, *BOTH_FOCALS, *ANGLES, *MATRIX, *PROJECTION),
    "center": (*CX, *CY, *CENTER, *MATRIX, *PROJECTION),
    "size": (*WIDTH, *HEIGHT, *SIZE),
    "distortion": (*DISTORTION, *COEFFICIENTS),
    "model": ("model", "model_type", "camera_model", "projection_type", "type", *FISHEYE_FLAGS),
    "lens": ("distortion_model", "distortion_type"),  # Kalibr has one of each
    "rim": ("max_angle", "fisheye_crop_radius"),
}
FOCAL_KEYS = frozenset(_BEARS_ON["focal"]) - {*FY}
CAMERA_KEYS = frozenset(key for keys in _BEARS_ON.values() for key in keys)
MODELS_KEYS = (*_BEARS_ON["lens"], "model", "model_type", "camera_model", "projection_type", "type")
_NESTED = {"camera", "color_intrinsics", "color", *MATRIX, *DISTORTION}
_IMAGES = ("image", "img", "rgb")  # objects that describe the image: its size counts, and its own names do not
_BY_LISTS = ("k", "p", "m", "d")  # with a number they are a matrix or a list; k1 and p1 are coefficients as well
_LISTS = "|".join(("m", *MATRIX, *PROJECTION, *DISTORTION))
_SIDED = (
    re.compile(rf"(left|right)_?(?P<key>{_LISTS})"),
    re.compile(rf"(?P<key>{_LISTS})[_.]?(\d|left|right|l|r)"),
    re.compile(r"(?P<key>fx|fy|cx|cy)[_.]?(\d|left|right)"),
    re.compile(r"(?:camera(\d)|(left|right))\.(?P<key>.+)"),  # ORB-SLAM3, ORB-SLAM2
)


def flattened(content: Mapping[str, Any], place: str = "", within: str = "") -> Entries:
    """Collect the entries of an object and of the objects of intrinsics in it.

    Args:
        content: the object.
        place: its place in the file, with a final dot, for messages.
        within: key of an object in it whose entries count too.

    Returns:
        Keys as written and values, by plain key; `key@1` and `key@left` are those of one of two cameras.
    """
    entries: Entries = {}
    if "pz" in content:  # a position
        content = {key: value for key, value in content.items() if key not in ("px", "py", "pz")}
    for key, value in content.items():
        written, plain = f"{place}{key}", _plain(str(key), value)
        name = plain.partition("@")[0]
        if isinstance(value, Mapping) and "data" not in value and (name in _NESTED or name in _IMAGES or key == within):
            for inner, found in flattened(value, f"{written}.").items():
                if name not in _IMAGES or key == within or _describes(inner, found[0][1]):
                    side = plain[len(name) :] if "@" not in inner else ""
                    entries.setdefault(inner + side, []).extend(found)
        else:
            entries.setdefault(plain, []).append((written, value))
    return entries


def has_focal(entries: Mapping[str, list[tuple[str, Any]]]) -> bool:
    """Check that entries give some focal length."""
    return any(
        key.partition("@")[0] in FOCAL_KEYS and any(value is not None for _, value in found)
        for key, found in entries.items()
    )


def filled(own: Entries, *others: Entries) -> Entries:
    """Fill what a camera lacks with entries beside it.

    Returns:
        Entries by plain key; those that say something else, or nothing plausible, by `key@unused`.
    """
    entries = {key: list(found) for key, found in own.items()}
    for other in others:
        told = {what for key, found in entries.items() if any(v is not None for _, v in found) for what in _told(key)}
        paired = all(any(key in other for key in keys) for keys in (WIDTH, HEIGHT))
        for key, found in other.items():
            fits = not told & _told(key) and all(_is_plausible(key, value, paired) for _, value in found)
            alike = [value for name in own if _told(name) & _told(key) for _, value in own[name]]
            if fits or any(value not in alike for _, value in found):
                entries.setdefault(key if fits or "@" in key else f"{key}@unused", []).extend(found)
    return entries


def split_cameras(entries: Entries) -> dict[str, Entries]:
    """Split the entries of a stereo calibration by camera.

    Returns:
        Entries by name of the camera: "left", "K1"; by an empty name where there is only one.
    """
    sides: dict[str, Entries] = {}
    for plain, found in entries.items():
        key, _, side = plain.partition("@")
        side, key = ("", plain) if side == "unused" else (side, key)
        sides.setdefault(side, {})[key] = found
    shared = sides.pop("", {})
    cameras = {side: own for side, own in sorted(sides.items()) if has_focal(_without(own, PROJECTION))}
    if not cameras and not has_focal(shared):  # of rectified images
        cameras = {side: own for side, own in sorted(sides.items()) if has_focal(own)}
    rest = {side: _without(own, PROJECTION) for side, own in sides.items() if side not in cameras}
    alone = has_focal(shared) or not cameras  # the others are other cameras, as the raw ones of a rectified pair
    unused = {f"{key}@{side}": v for side, own in (cameras if alone else rest).items() for key, v in own.items()}
    if alone:
        return {"": filled(shared, *rest.values()) | unused}
    made = {_name(side, own): filled(own, shared) | unused for side, own in cameras.items()}
    return made if len(made) > 1 else {"": next(iter(made.values()))}


def _told(key: str) -> set[str]:
    """Return what a key tells of a camera."""
    return {what for what, keys in _BEARS_ON.items() if key in keys} or {key}


def _is_plausible(key: str, value: Any, paired: bool) -> bool:
    """Check that an entry beside a camera may be about it: a height of 1.65 is none of images."""
    if key in (*WIDTH, *HEIGHT):
        return paired and isinstance(value, int | float) and value >= 1 and float(value).is_integer()
    if key in (*SIZE, *CENTER):
        return isinstance(value, str | Mapping) or _count(value) == 2
    return key not in DISTORTION or not value or isinstance(value, str | list | Mapping)


def _plain(key: str, value: Any) -> str:
    """Return the plain key, and the camera of two that it belongs to."""
    plain = key.lower().removeprefix("camera.")
    count = _count(value)
    if plain == "f" and count == 9:
        return "fundamental_matrix"
    if plain in CAMERA_KEYS and not (plain[0] in "kp" and plain[1:].isdecimal() and count >= 4):
        return plain
    for pattern in _SIDED:
        if match := pattern.fullmatch(plain):
            name, side = match["key"], next(group for group in match.groups() if group not in (None, match["key"]))
            if count < (4 if name in ("k", "p") else 1) and (name in _BY_LISTS or side in ("l", "r")):
                return plain
            return f"{name if name != 'm' else 'k'}@{ {'l': 'left', 'r': 'right'}.get(side, side) }"
    return plain


def _count(value: Any) -> int:
    """Count the values of a list, of lists or of an OpenCV matrix; 0 for other things."""
    if isinstance(value, Mapping):
        value = value.get("data")
    return sum(max(1, _count(item)) for item in value) if isinstance(value, list) else 0


def _describes(key: str, value: Any) -> bool:
    """Check that an entry of an image's description is about its camera, not about its file or device."""
    return key.partition("@")[0] in CAMERA_KEYS and key not in ("model", "type") and not (
        key == "size" and not isinstance(value, list | Mapping)
    )  # fmt: skip


def _without(entries: Entries, keys: Iterable[str]) -> Entries:
    return {key: found for key, found in entries.items() if key not in keys}


def _name(side: str, entries: Entries) -> str:
    """Name one of two cameras as its file does."""
    if not side.isdecimal():
        return side
    written = next(found[0][0] for key, found in entries.items() if key in FOCAL_KEYS)
    return written.rpartition(".")[0] or written
