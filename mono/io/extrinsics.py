"""Extrinsics files: the transform from a sensor's frame to the camera's."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mono.io.arrays import read_npy
from mono.io.file_kinds import require_file
from mono.system.errors import MetricDepthError

_MAX_BYTES = 1 << 20
_KITTI = re.compile(r"^(Tr_velo_to_cam|Tr_velo_cam|Tr|R0_rect|R_rect|R_rect_00|R|T):\s+(.*)$")
_MATRIX_KEYS = ("transform_matrix", "extrinsic", "extrinsics", "T_cam_lidar", "T", "matrix", "transform")


class ExtrinsicsError(MetricDepthError):
    """Error of an extrinsics file, naming file, cause and remedy."""


def read_extrinsics(path: Path, inverse: bool = False) -> np.ndarray:
    """Read the transform from a sensor's frame to the camera's (x right, y down, z forward).

    Args:
        path: a 4x4 or 3x4 matrix (text, .npy, or in JSON), KITTI's calib (Tr_velo_to_cam, with R0_rect), seven numbers
            x y z qx qy qz qw, or JSON or YAML with translation and rotation, as tf writes them.
        inverse: the file holds the camera's pose in the sensor's frame.

    Returns:
        (4, 4) float64.

    Raises:
        ExtrinsicsError: the file is missing or damaged, or holds no rigid transform.
    """
    path = Path(path)
    require_file(path, "extrinsics", ExtrinsicsError)
    if path.stat().st_size > _MAX_BYTES:
        raise ExtrinsicsError(f"{path}: is larger than 1 MB, too large for extrinsics")
    matrix = _checked(path, _read(path))
    return np.linalg.inv(matrix) if inverse else matrix


def _read(path: Path) -> np.ndarray:
    unknown = ExtrinsicsError(
        f"{path}: holds no extrinsics of a known kind: give a 4x4 matrix, KITTI's calib, x y z qx qy qz qw, or "
        "translation and rotation in JSON or YAML"
    )
    if path.suffix.lower() == ".npy":
        try:
            return np.asarray(read_npy(path), np.float64)
        except (ValueError, OSError) as error:
            raise ExtrinsicsError(f"{path}: is a damaged .npy file; write it again") from error
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ExtrinsicsError(f"{path}: is not text; give a 4x4 matrix as text") from error
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    entries = {match[1]: match[2] for line in lines if (match := _KITTI.match(line))}
    try:
        if entries:
            return _from_kitti(entries)
        if re.fullmatch(r"[-+.\deE,\s\[\]]+", "\n".join(lines)):
            return _from_numbers(re.findall(r"[-+.\deE]+", "\n".join(lines)))
        if text.lstrip()[:1] == "{":
            content = json.loads(text)
        else:
            import yaml  # type: ignore[import-untyped]

            content = yaml.safe_load(text)
        return _from_mapping(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise unknown from error
    except Exception as error:  # of the YAML parser
        if type(error).__module__.startswith("yaml"):
            raise unknown from error
        raise


def _from_kitti(entries: Mapping[str, str]) -> np.ndarray:
    def numbers(name: str, rows: int) -> np.ndarray:
        """Return the matrix of an entry, with so many rows."""
        return np.array(entries[name].split(), np.float64).reshape(rows, -1)

    transform, rectify = np.eye(4), np.eye(4)
    if "R" in entries and "T" in entries:
        transform[:3, :3], transform[:3, 3] = numbers("R", 3), numbers("T", 3)[:, 0]
    else:
        name = next(key for key in ("Tr_velo_to_cam", "Tr_velo_cam", "Tr") if key in entries)
        transform[:3] = numbers(name, 3)
    for key in ("R0_rect", "R_rect", "R_rect_00"):
        if key in entries:
            rectify[:3, :3] = numbers(key, 3)
            break
    return rectify @ transform


def _from_numbers(words: list[str]) -> np.ndarray:
    values = np.array(words, np.float64)
    if len(values) == 7:
        return _from_pose(values[:3], values[3:])
    return values.reshape({16: (4, 4), 12: (3, 4)}[len(values)])


def _from_mapping(content: Any) -> np.ndarray:
    content = content.get("transform", content) if isinstance(content.get("transform"), dict) else content
    for key in _MATRIX_KEYS:
        if key in content:
            value = content[key]
            value = value.get("data", value) if isinstance(value, dict) else value
            array = np.asarray(value, np.float64)
            return array.reshape(-1, 4)
    rotation = content.get("rotation", content.get("orientation", content.get("quaternion")))
    translation = content.get("translation", content.get("position"))
    place = [translation[axis] for axis in "xyz"] if isinstance(translation, dict) else translation
    turn = [rotation[axis] for axis in "xyzw"] if isinstance(rotation, dict) else rotation
    return _from_pose(np.array(place, np.float64), np.array(turn, np.float64))


def _from_pose(translation: np.ndarray, quaternion: np.ndarray) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_quat(quaternion).as_matrix()
    matrix[:3, 3] = translation.reshape(3)
    return matrix


def _checked(path: Path, matrix: np.ndarray) -> np.ndarray:
    if matrix.shape == (3, 4):
        matrix = np.vstack([matrix, [0, 0, 0, 1]])
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or matrix[3].tolist() != [0, 0, 0, 1]:
        raise ExtrinsicsError(
            f"{path}: holds a {'x'.join(map(str, matrix.shape))} matrix; it must be a 4x4 transform of finite numbers "
            "with the last row 0 0 0 1"
        )
    rotation = matrix[:3, :3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-2:
        raise ExtrinsicsError(f"{path}: its upper left 3x3 is no rotation; give a rigid transform without scale")
    if np.linalg.det(rotation) < 0:
        raise ExtrinsicsError(f"{path}: its rotation is a reflection (determinant -1); correct an axis")
    return matrix
