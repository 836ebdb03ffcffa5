"""Keys that tools give to the numbers of a camera, in JSON and YAML."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mono.geometry.lens_models import MODELS
from mono.io.camera_lenses import fitted_parameters, lens_model, parameter_keys
from mono.io.camera_values import CameraFileError, CameraValues, number, numbers, parse_matrix, side

logger = logging.getLogger(__name__)

# This toolkit, nerfstudio (fl_x), RealSense (ppx), Kalibr and others (fu, u0), ORB-SLAM (Camera.fx), Record3D (K).
_FX = ("fx", "fl_x", "focal_px", "fu", "focal_x", "alpha_x")
_FY = ("fy", "fl_y", "fv", "focal_y", "alpha_y")
_CX = ("cx", "ppx", "x0", "u0", "pu", "px", "principal_x")
_CY = ("cy", "ppy", "y0", "v0", "pv", "py", "principal_y")
_BOTH_FOCALS = ("focal", "focal_length", "f")
_CENTER = ("principal_point", "pp", "center")
_WIDTH = ("width", "w", "image_width", "img_width", "imwidth", "cols")
_HEIGHT = ("height", "h", "image_height", "img_height", "imheight", "rows")
_SIZE = ("resolution", "image_size", "img_size", "size")
_MATRIX = (
    "k", "matrix", "camera_matrix", "cameramatrix", "intrinsic_matrix", "intrinsicmatrix", "cam_k", "cam_in",
    "intrinsics", "intrinsic", "m1", "k_matrix", "mtx", "camera_intrinsic", "camera_intrinsics", "cam_matrix",
    "cammatrix",
)  # fmt: skip
_PROJECTION = ("p", "projection_matrix")  # of the rectified image; counts where there is no K
_DISTORTION = (
    "distortion", "coeffs", "d", "dist", "dist_coeffs", "distcoeffs", "distortion_coefficients",
    "distortion_coeffs", "distortion_parameters", "distortioncoefficients", "d1", "dist_coeff", "distcoeff",
    "distortion_coefficient", "distortion_params", "distortion_coef",
)  # fmt: skip
_COEFFICIENTS = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6", "xi")
_MODELS = ("model", "model_type", "camera_model", "distortion_model", "distortion_type", "projection_type", "type")
FISHEYE_FLAGS = ("is_fisheye", "fisheye_model", "fisheye")  # nerfstudio, OpenCV's calibration sample
_NESTED = ("intrinsic", "intrinsics", "camera", "camera_intrinsics", "color_intrinsics", "color")
# Keys that do not concern the pinhole: names, poses, frames, rates.
_OTHER_KEYS = """
    frames applied_transform applied_scale ply_file_path orientation_override auto_scale_poses_override aabb_scale
    camera_angle_y is_fisheye header name camera_name camera_id id class_name version version_major version_minor
    extrinsic extrinsics t_bs t_cam_imu t_cn_cnm1 t_ic t_imu_cam sensor_type comment rate_hz rate fps rostopic
    timeshift_cam_imu timeshift cam_overlaps rectification_matrix projection_matrix r p t binning_x binning_y roi
    frame_id stamp calibration_time nframes flags board_width board_height square_size aspectratio
    avg_reprojection_error per_view_reprojection_errors extrinsic_parameters image_points grid_points rms
    orbextractor viewer system imu stereo loopclosing depth_scale scale bf rgb thdepth depthmapfactor newwidth
    newheight date serial source source_detail file_path transform_matrix mask_path depth_file_path sharpness
    colmap_im_id train_filenames val_filenames test_filenames split poses timestamp timestamps note notes
    description units unit pixel_size calibration alignment test_frames has_mask is_bad setup color_order
    rvecs tvecs objpoints imgpoints ret fisheye_model fisheye
"""
_IRRELEVANT = frozenset(_OTHER_KEYS.split())


def values_from_keys(path: Path, content: Mapping[str, Any], place: str = "") -> CameraValues:
    """Convert the entries of a JSON object or a YAML mapping to a camera.

    Unknown keys are logged as a warning.

    Args:
        path: the file, for messages.
        content: the entries.
        place: the place in the file, for messages: "cam0.".

    Raises:
        CameraFileError: there is no focal length, two entries contradict each other, a value is not a number, or the
            lens model is unknown.
    """
    entries = _flattened(path, content)
    keys = _Keys(path, place, entries)
    given = [*keys.coefficients(), *keys.single(*((name,) for name in _COEFFICIENTS))]
    model = lens_model(path, place, keys.all(_MODELS), any(given))
    if model == "pinhole" and any(
        str(entries.get(flag, ("", 0))[1]).lower() in ("1", "1.0", "true") for flag in FISHEYE_FLAGS
    ):
        model = "fisheye"
    curve: list[float] = []  # parameters that Kalibr puts before the focal lengths
    if model == "equirectangular":  # nerfstudio's focal lengths of panoramas are of another kind
        entries = {key: value for key, value in entries.items() if key not in ("fl_x", "fl_y")}
        keys = _Keys(path, place, entries)
        keys.all(_MODELS)
    fx, fy = keys.numbers(_FX), keys.numbers(_FY)
    cx, cy = keys.numbers(_CX), keys.numbers(_CY)
    for key, value in keys.all(_BOTH_FOCALS):
        pair = numbers(path, place + key, value) if isinstance(value, list) else [number(path, place + key, value)]
        fx[key], fy[key] = pair[0], pair[-1]
    for key, value in keys.all(_CENTER):
        cx[key], cy[key] = keys.pair(key, value)
    for key, value in keys.all(_MATRIX):
        shape = MODELS[model].shape
        if shape and isinstance(value, list) and len(value) == 4 + shape:
            curve, value = numbers(path, place + key, value[:shape]), value[shape:]
        fx[key], fy[key], cx[key], cy[key] = _from_matrix(path, place + key, value)
    for key, value in keys.all(_PROJECTION) if not fx else []:
        fx[key], fy[key], cx[key], cy[key] = _from_matrix(path, place + key, value)
    width, height = keys.numbers(_WIDTH), keys.numbers(_HEIGHT)
    for key, value in keys.all(_SIZE):
        width[key], height[key] = keys.pair(key, value)
    fov = keys.numbers(("fov_deg",))
    fov_rad = keys.numbers(("camera_angle_x",))
    ours = [key for key in ("fx", "focal_px", "fov_deg") if key in entries]
    if len(ours) > 1:
        raise CameraFileError(f"{path}: must hold exactly one of fx, focal_px and fov_deg, and has {', '.join(ours)}")
    if not fx and not fov and not fov_rad and model != "equirectangular":
        listed = ", ".join(f"{key:.40}" for key in list(content)[:20]) or "none"
        raise CameraFileError(
            f"{path}: {place}has no focal length: exactly one of fx, focal_px, fov_deg or a matrix K is needed, "
            f"and it has none of them; its keys are: {listed}"
        )
    if bool(width) != bool(height):
        raise CameraFileError(f"{path}: {place}width and height belong together; give both or none")
    window, binning = keys.window(), keys.binning()
    distortion = keys.parameters(model, curve)
    max_angle, circle_radius = (keys.agreed(keys.numbers((name,))) for name in ("max_angle", "fisheye_crop_radius"))
    keys.warn_unknown()
    wide, high = (
        None if (value := keys.agreed(found)) is None else side(path, f"{place}{next(iter(found))}", value)
        for found in (width, height)
    )
    degrees = keys.agreed(fov)
    if not fx and degrees is None and fov_rad:
        degrees = math.degrees(keys.agreed(fov_rad) or 0.0)
    values = CameraValues(
        fx=keys.agreed(fx),
        fy=keys.agreed(fy),
        cx=keys.agreed(cx),
        cy=keys.agreed(cy),
        width=wide,
        height=high,
        fov_deg=None if fx else degrees,
        distortion=distortion,
        model=model,
        max_angle=max_angle,
        circle_radius=circle_radius,
        window=window,
        binning=binning,
    )
    if not fx and degrees is not None and (model != "pinhole" or any(distortion)):
        raise CameraFileError(f"{path}: {place}has a field of view for a {model} lens; give fx and fy in pixels")
    values.camera(path, wide or 1, high or 1)
    return values


def _flattened(path: Path, content: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """(key as written, value) by plain lower-case key; nested objects of intrinsics are taken up."""
    entries: dict[str, tuple[str, Any]] = {}
    for key, value in content.items():
        written = str(key)
        plain = written.lower().removeprefix("camera1.").removeprefix("camera.")
        if plain in (*_NESTED, *_MATRIX) and isinstance(value, Mapping) and "data" not in value:
            for inner, (name, item) in _flattened(path, value).items():
                entries.setdefault(inner, (f"{written}.{name}", item))
        else:
            entries[plain] = (written, value)
    return entries


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

    def __init__(self, path: Path, place: str, entries: Mapping[str, tuple[str, Any]]) -> None:
        self.path, self.place, self.entries = path, place, entries
        self.used: set[str] = set()

    def all(self, names: tuple[str, ...]) -> list[tuple[str, Any]]:
        """Return (key as written, value) of those names that are there."""
        self.used |= set(names)
        found = [self.entries[name] for name in names if name in self.entries]
        return [(key, value) for key, value in found if value is not None]

    def numbers(self, names: tuple[str, ...]) -> dict[str, float]:
        """Return the numbers by those names that are there."""
        return {key: number(self.path, self.place + key, value) for key, value in self.all(names)}

    def pair(self, key: str, value: Any) -> tuple[float, float]:
        """Check that a value is a list of two numbers."""
        pair = numbers(self.path, self.place + key, value)
        if len(pair) != 2:
            raise CameraFileError(f"{self.path}: {self.place}{key} has {len(pair)} numbers; it must have 2")
        return pair[0], pair[1]

    def agreed(self, found: Mapping[str, float]) -> float | None:
        """Return the number that entries of the same meaning agree on."""
        if not found:
            return None
        (first, value), *others = found.items()
        for key, other in others:
            if not abs(other - value) <= 1e-3 * max(abs(value), 1):
                raise CameraFileError(
                    f"{self.path}: {self.place}{first} ({value:g}) contradicts {key} ({other:g}); keep one"
                )
        return value

    def window(self) -> tuple[int, int, int, int] | None:
        """Return left, top, width and height of a ROS region of interest; None for the whole image."""
        roi = self.entries.get("roi", ("", None))[1]
        if not isinstance(roi, Mapping) or not (roi.get("width") and roi.get("height")):
            return None
        names = ("x_offset", "y_offset", "width", "height")
        left, top, width, height = (self._whole(f"roi.{name}", roi.get(name, 0)) for name in names)
        return left, top, width, height

    def binning(self) -> tuple[int, int]:
        """Return the pixels that ROS drivers combine to one, across and down; 0 stands for 1."""
        across, down = (self.entries.get(key, ("", 0))[1] or 0 for key in ("binning_x", "binning_y"))
        return max(1, self._whole("binning_x", across)), max(1, self._whole("binning_y", down))

    def _whole(self, key: str, value: Any) -> int:
        return side(self.path, self.place + key, value, least=0)

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
        if coefficients := self.coefficients():
            return fitted_parameters(model, [*curve, *coefficients])
        single = [*curve, *self.single(*names[len(curve) :])]
        return tuple(single[: max((i + 1 for i, value in enumerate(single) if value), default=0)])

    def coefficients(self) -> list[float]:
        """Return the list of coefficients; empty if there is none."""
        for key, value in self.all(_DISTORTION):
            if isinstance(value, str | bool | int | float):
                raise CameraFileError(
                    f"{self.path}: {self.place}{key} is {value!r:.80}; it must be a list of numbers k1, k2, p1, p2, ..."
                )
            return numbers(self.path, self.place + key, value)
        return []

    def single(self, *names: tuple[str, ...]) -> list[float]:
        """Return numbers that have entries of their own, each under one of several keys; 0 where there is none."""
        return [sum(self.numbers(keys).values()) for keys in names]

    def warn_unknown(self) -> None:
        """Log the keys that mean nothing here."""
        known = self.used | {*_DISTORTION, *_COEFFICIENTS} | _IRRELEVANT
        unknown = [written for key, (written, _) in self.entries.items() if key.split(".")[0] not in known]
        if unknown:
            names = ", ".join(f"{name:.40}" for name in unknown[:10])
            logger.warning("%s: keys that mean nothing here are not used: %s", self.path, names)
