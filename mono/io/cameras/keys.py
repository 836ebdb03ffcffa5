"""Keys that tools give to the numbers of a camera, in JSON and YAML."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from mono.geometry.lens_models import MODELS
from mono.io.cameras.entries import (
    BOTH_FOCALS,
    CENTER,
    COEFFICIENTS,
    CX,
    CY,
    DISTORTION,
    FISHEYE_FLAGS,
    FX,
    FY,
    HEIGHT,
    MATRIX,
    MODELS_KEYS,
    PROJECTION,
    SIZE,
    WIDTH,
    Entries,
)  # fmt: skip
from mono.io.cameras.lenses import fitted_parameters, is_ucm, lens_model, names_lens, parameter_keys
from mono.io.cameras.values import TIMES, CameraFileError, CameraValues, number, numbers, pair, parse_matrix, side

logger = logging.getLogger(__name__)

# Keys that do not concern the pinhole: names, poses, frames, rates.
_OTHER_KEYS = """
    frames applied_transform applied_scale ply_file_path orientation_override auto_scale_poses_override aabb_scale
    camera_angle_y header name camera_name camera_id id class_name version version_major version_minor extrinsic
    extrinsics t_bs t_cam_imu t_cn_cnm1 t_ic t_imu_cam sensor_type comment rate_hz rate fps rostopic timeshift_cam_imu
    timeshift cam_overlaps rectification_matrix projection_matrix r p t binning_x binning_y roi frame_id stamp
    calibration_time nframes flags board_width board_height square_size aspectratio avg_reprojection_error
    per_view_reprojection_errors extrinsic_parameters image_points grid_points rms orbextractor viewer system imu
    stereo loopclosing depth_scale scale bf rgb thdepth depthmapfactor newwidth newheight date serial source
    source_detail file_path transform_matrix mask_path depth_file_path sharpness colmap_im_id train_filenames
    val_filenames test_filenames split poses timestamp timestamps note notes description make manufacturer vendor
    serial_number pixel_size calibration alignment test_frames has_mask is_bad setup color_order rvecs tvecs objpoints
    imgpoints ret e q r1 r2 essential_matrix fundamental_matrix rotation translation position doffs baseline ndisp
    isint vmin vmax dyavg dymax img_name image_name file_name filename image_path
"""
_IRRELEVANT = frozenset(_OTHER_KEYS.split())
_LOOSE_KEYS = ("lens_model", "lens_type", "camera_type", "projection")  # name a lens model, or a product
_ON, _OFF = ("1", "1.0", "true", "yes", "on"), ("0", "0.0", "false", "no", "off", "none", "null", "")


def values_from_entries(path: Path, entries: Entries, place: str, unknown: set[str]) -> CameraValues:
    """Convert the entries of a camera to its values.

    Args:
        path: the file, for messages.
        entries: keys as written and values, by plain key.
        place: name of the camera in its file, with a final blank, for messages.
        unknown: is given the keys that are not used.

    Raises:
        CameraFileError: there is no focal length, two entries contradict each other, a value is not a number, or the
            lens model is unknown.
    """
    keys = _Keys(path, entries)
    coefficients = keys.coefficients()
    given = [*coefficients, *keys.single(*((name,) for name in COEFFICIENTS))]
    loose = tuple(name for name in _LOOSE_KEYS if any(names_lens(value) for _, value in entries.get(name, [])))
    no_fisheye = len(coefficients) > 4 or any(keys.single(("p1",), ("p2",))) or keys.is_off(FISHEYE_FLAGS)
    named = keys.all(MODELS_KEYS) or ([] if no_fisheye else keys.all(loose))
    model = lens_model(path, named, any(given), "ppx" in entries or "coeffs" in entries)
    if not named and given[-1]:  # xi
        model = "double_sphere" if "alpha" in entries and not any(given[:-1]) else "unified"
    if is_ucm(named) or (model == "unified" and "alpha" in entries and "xi" not in entries):
        model = "eucm"
        if "alpha" not in entries:
            raise CameraFileError(f"{path}: {place}has no key alpha, which the lens model ucm needs")
        entries.setdefault("beta", [("beta", 1.0)])
    if model == "fov" and any(isinstance(value, int | float) and value < math.pi for _, value in entries.get("w", [])):
        entries["omega"] = entries.get("omega", []) + entries.pop("w")  # Basalt's
    if keys.flag(FISHEYE_FLAGS) and model == "pinhole":
        model = "fisheye"
    curve: list[float] = []  # parameters that Kalibr puts before the focal lengths
    if model == "equirectangular":  # nerfstudio's focal lengths of panoramas are of another kind
        keys.entries = {key: found for key, found in entries.items() if key not in ("fl_x", "fl_y")}
    fx, fy = keys.numbers(FX), keys.numbers(FY)
    cx, cy = keys.numbers(CX), keys.numbers(CY)
    for key, value in keys.values(BOTH_FOCALS):
        lone = value[0] if isinstance(value, list) and len(value) == 1 else value
        fx[key], fy[key] = pair(path, key, lone if isinstance(lone, list | Mapping) else [lone, lone])
    for key, value in keys.values(CENTER):
        cx[key], cy[key] = pair(path, key, value)
    for key, value in keys.values(MATRIX):
        shape = MODELS[model].shape
        if shape and isinstance(value, list) and len(value) == 4 + shape:
            curve, value = numbers(path, key, value[:shape]), value[shape:]
        fx[key], fy[key], cx[key], cy[key] = _from_matrix(path, key, value)
    for key, value in keys.values(PROJECTION) if not fx else []:
        fx[key], fy[key], cx[key], cy[key] = _from_matrix(path, key, value)
    width, height = keys.numbers(WIDTH), keys.numbers(HEIGHT)
    for key, value in keys.values(SIZE):
        width[key], height[key] = pair(path, key, value)
    radians = keys.numbers(("camera_angle_x",))
    fov = keys.numbers(("fov_deg",)) or {key: math.degrees(value) for key, value in radians.items()}
    ours = [key for key in ("fx", "focal_px", "fov_deg") if key in entries]
    if len(ours) > 1:
        raise CameraFileError(f"{path}: must hold exactly one of fx, focal_px and fov_deg, and has {', '.join(ours)}")
    if not fx and not fov and model != "equirectangular":
        if text := next(iter(keys.unfit.items()), None):
            raise CameraFileError(f"{path}: {text[0]} is {text[1]!r:.80}; it must be a finite number, or a matrix")
        listed = ", ".join(f"{found[0][0]:.40}" for found in list(entries.values())[:20]) or "none"
        if any("projection_type" in value for [(_, value), *_] in entries.values() if isinstance(value, Mapping)):
            listed += "; OpenSfM's focal is a share of the longer side: give pixels, and the camera's keys alone"
        raise CameraFileError(
            f"{path}: {place}has no focal length: exactly one of fx, focal_px, fov_deg or a matrix K is needed, "
            f"and it has none of them; its keys are: {listed}"
        )
    if bool(width) != bool(height):
        raise CameraFileError(f"{path}: {place}width and height belong together; give both or none")
    distortion = keys.parameters(model, curve)
    max_angle, circle_radius = (keys.agreed(keys.numbers((name,))) for name in ("max_angle", "fisheye_crop_radius"))
    unknown |= keys.unknown()
    wide, high = (side(path, next(iter(found)), keys.agreed(found)) if found else None for found in (width, height))
    degrees = None if fx else keys.agreed(fov)
    values = CameraValues(
        keys.agreed(fx), keys.agreed(fy), keys.agreed(cx), keys.agreed(cy), wide, high, degrees, distortion, model,
        max_angle, circle_radius, keys.window(), keys.binning(),
    )  # fmt: skip
    if degrees is not None and (model != "pinhole" or any(distortion)):
        what = "leave it out" if model == "equirectangular" else "give fx and fy in pixels"
        raise CameraFileError(f"{path}: {place}has a field of view for the lens model {model}; {what}")
    values.camera(path, wide or 1, high or 1)
    return values


def warn_unknown(path: Path, unknown: set[str]) -> None:
    """Log the keys that mean nothing here."""
    if unknown:
        names = ", ".join(f"{name:.40}" for name in sorted(unknown)[:10])
        logger.warning("%s: keys that mean nothing here are not used: %s", path, names)


def _from_matrix(path: Path, key: str, value: Any) -> tuple[float, float, float, float]:
    flat = numbers(path, key, value)
    if flat and not any(flat):
        raise CameraFileError(
            f"{path}: {key} is all zeros: the camera was not calibrated; calibrate it, or give its focal length "
            "(--focal-px or --fov-deg)"
        )
    try:
        if value == flat and len(flat) in (8, 9) and flat[1] > 0:  # with OpenCV's coefficients, as in Waymo
            if any(flat[4:]):
                raise CameraFileError(f'{path}: {key} holds lens distortion; write it as "distortion": {flat[4:]}')
            flat, value = flat[:4], flat[:4]
        if len(flat) not in (4, 9, 12, 16):
            raise CameraFileError(f"{path}: {key} has {len(flat)} numbers; it must be fx, fy, cx, cy or a 3x3 matrix")
        nested = isinstance(value, list) and all(isinstance(row, list) for row in value)
        rows = [numbers(path, key, row) for row in value] if nested else flat
        values = parse_matrix(path, rows if len({len(r) for r in rows if isinstance(r, list)}) == 1 else flat)
    except CameraFileError as error:
        message = str(error).removeprefix(f"{path}: ").removeprefix("camera matrix: ").removeprefix(f"{key} ")
        raise CameraFileError(f"{path}: {key}: {message}") from error
    return values.fx, values.fy, values.cx, values.cy  # type: ignore[return-value]


class _Keys:
    """Entries of a camera, of which those that were understood are ticked off."""

    def __init__(self, path: Path, entries: Entries) -> None:
        self.path, self.entries = path, entries
        self.used: set[str] = set()
        self.unfit: dict[str, Any] = {}  # words, and coefficients that the lens model does not have, by key as written

    def all(self, names: tuple[str, ...]) -> list[tuple[str, Any]]:
        """Return (key as written, value) of those names that are there."""
        self.used |= set(names)
        found = [entry for name in names for entry in self.entries.get(name, [])]
        return [(key, value) for key, value in found if value is not None]

    def values(self, names: tuple[str, ...]) -> list[tuple[str, Any]]:
        """Return those that are no mere words; words for nothing are left out, others kept in `unfit`."""
        found = self.all(names)
        words = {key: value for key, value in found if isinstance(value, str) and not TIMES.fullmatch(value.strip())}
        self.unfit |= {key: value for key, value in words.items() if value.strip().lower() not in _OFF}
        return [(key, value) for key, value in found if key not in words]

    def numbers(self, names: tuple[str, ...]) -> dict[str, float]:
        """Return the numbers by those names that are there."""
        return {key: number(self.path, key, value) for key, value in self.values(names)}

    def flag(self, names: tuple[str, ...]) -> bool:
        """Check that one of several switches is on."""
        switches = {key: str(value).strip().lower() for key, value in self.all(names)}
        self.unfit |= {key: value for key, value in switches.items() if value not in (*_ON, *_OFF)}
        return any(value in _ON for value in switches.values())

    def is_off(self, names: tuple[str, ...]) -> bool:
        """Check that one of several switches is there, and off."""
        return any(str(value).strip().lower() in _OFF for _, value in self.all(names))

    def agreed(self, found: Mapping[str, float]) -> float | None:
        """Return the number that like entries agree on."""
        if not found:
            return None
        (first, value), *others = found.items()
        for key, other in others:
            if not abs(other - value) <= 1e-3 * max(abs(value), 1):
                raise CameraFileError(f"{self.path}: {first} ({value:g}) contradicts {key} ({other:g}); keep one")
        return value

    def window(self) -> tuple[int, int, int, int] | None:
        """Return left, top, width and height of a ROS region of interest; None for the whole image."""
        roi = next((value for _, value in self.entries.get("roi", [])), None)
        if not isinstance(roi, Mapping) or not (roi.get("width") and roi.get("height")):
            return None
        names = ("x_offset", "y_offset", "width", "height")
        left, top, width, height = (side(self.path, f"roi.{name}", roi.get(name, 0), least=0) for name in names)
        return left, top, width, height

    def binning(self) -> tuple[int, int]:
        """Return the pixels that ROS drivers combine to one, across and down; 0 stands for 1."""
        pixels = [self.numbers((name,)) for name in ("binning_x", "binning_y")]
        across, down = (max([1, *(side(self.path, key, n, least=0) for key, n in found.items())]) for found in pixels)
        return across, down

    def parameters(self, model: str, curve: list[float]) -> tuple[float, ...]:
        """Return the parameters of a lens model, from lists or from entries of their own.

        Args:
            model: the lens model.
            curve: its first parameters, where they stood beside the focal lengths.
        """
        names = parameter_keys(model)
        curve_keys = names[: MODELS[model].shape]
        if not curve and any(key in self.entries for keys in curve_keys for key in keys):
            curve = self.single(*curve_keys)
        own = {key for keys in names for key in keys}
        others = self.all(tuple(key for key in COEFFICIENTS if key not in own))
        self.unfit |= {key: value for key, value in others if value}
        if coefficients := self.coefficients(len(names)):
            self._check(coefficients, names[len(curve) :])
            return fitted_parameters(model, [*curve, *coefficients])
        single = [*curve, *self.single(*names[len(curve) :])]
        return tuple(single[: max((i + 1 for i, value in enumerate(single) if value), default=0)])

    def _check(self, coefficients: list[float], names: list[tuple[str, ...]]) -> None:
        """Check that coefficients with entries of their own are those of the list."""
        for keys, listed in zip(names, [*coefficients, *[0.0] * len(names)], strict=False):
            for key, value in self.numbers(tuple(name for name in keys if name in COEFFICIENTS)).items():
                if value and abs(value - listed) > 1e-6 * max(abs(value), 1e-3):
                    raise CameraFileError(
                        f"{self.path}: {key} ({value:g}) contradicts the list of coefficients ({listed:g}); keep one"
                    )

    def coefficients(self, count: int = 1) -> list[float]:
        """Return the list of coefficients that all entries agree on; empty if there is none.

        Args:
            count: parameters of the lens model; a lone one need not be in a list.
        """
        lists: dict[str, list[float]] = {}
        for key, value in self.values(DISTORTION):
            lone = isinstance(value, int | float) and (not value or (count == 1 and value is not True))
            if not lone and not isinstance(value, list | Mapping):
                raise CameraFileError(
                    f"{self.path}: {key} is {value!r:.80}; it must be a list of numbers k1, k2, p1, p2, ..."
                )
            if value and (found := numbers(self.path, key, [value] if lone else value)):
                lists[key] = found
        (first, listed), *others = lists.items() or [("", [])]
        for key, other in others:
            if any(a != b for a, b in zip_longest(listed, other, fillvalue=0.0)):
                raise CameraFileError(f"{self.path}: {first} contradicts {key}; keep one")
        return listed

    def single(self, *names: tuple[str, ...]) -> list[float]:
        """Return numbers that have entries of their own, each under one of several keys; 0 where there is none."""
        return [self.agreed(self.numbers(keys)) or 0.0 for keys in names]

    def unknown(self) -> set[str]:
        """Return the keys that mean nothing here, as written."""
        known = self.used | {*DISTORTION, *COEFFICIENTS} | _IRRELEVANT
        unused = [
            written
            for key, found in self.entries.items()
            for written, _ in found
            if key.split(".")[0] not in known and key.partition("@")[0] not in _IRRELEVANT
        ]
        return {*self.unfit, *unused}
