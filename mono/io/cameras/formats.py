"""Camera files that are text: matrices, KITTI calibrations, and JSON and YAML of many tools."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mono.io.cameras.assignments import are_assignments, load_assignments
from mono.io.cameras.documents import FileCameras, parse_content
from mono.io.cameras.entries import FISHEYE_FLAGS
from mono.io.cameras.slam import parse_dso, parse_row
from mono.io.cameras.values import CameraFileError, CameraValues, parse_matrix, side, without_repeats
from mono.io.cameras.xml import load_opencv_xml

_MAX_YAML_BYTES = 1 << 20  # its parser is slow
_KITTI_LINE = re.compile(r"^(P|P_rect_|K_|D_|S_|S_rect_)(\d{1,2}):?\s+(\S.*)$")
_KITTI_NUMBERS = re.compile(r"[-+.\d]\S*\s+\S")  # YAML's lists and tags are none
_COMMENT = re.compile(r"#.*|(^|\s)(//|%(?!YAML)).*|^\s*;.*")
_NUMBER = re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")


def parse_camera_text(path: Path, text: str) -> FileCameras | None:
    """Parse a camera file that is not COLMAP's; return None for text of no known kind.

    Raises:
        CameraFileError: the text is broken or lacks a focal length.
    """
    lines = [_COMMENT.sub("", line).strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    start = text.lstrip()[:1]
    if "polynomial coefficients for the DIRECT mapping" in text:
        raise CameraFileError(f"{path}: is a calibration of Scaramuzza's OCamCalib, whose lens model is not known")
    if (values := parse_dso(path, lines)) is not None:
        return FileCameras({"": values})
    if lines and all(_NUMBER.match(word) for line in lines for word in _words(line)):
        return FileCameras({"": _parse_rows(path, [[float(word) for word in _words(line)] for line in lines])})
    if any((match := _KITTI_LINE.match(line)) and _KITTI_NUMBERS.match(match[3]) for line in lines):
        return _parse_kitti(path, lines)
    if are_assignments(lines):
        return replace(parse_content(path, load_assignments(path, lines)), numbered=True)
    if start == "{" or (start == "[" and (path.suffix.lower() == ".json" or ("\n[" not in text and "," in text))):
        return parse_content(path, _load_json(path, text))
    if start == "<":
        return parse_content(path, load_opencv_xml(path, text))
    if any(re.match(r"^[\w\-./ ]+:(\s|$)", line) for line in lines) or text.startswith("%YAML"):
        return parse_content(path, _load_yaml(path, text))
    return None


def parse_camera_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> FileCameras:
    """Parse the arrays of an NPZ archive, as calibrations are saved with NumPy.

    Raises:
        CameraFileError: there is no focal length.
    """
    content = {
        name: np.squeeze(array).tolist()
        for name, array in arrays.items()
        if {"b": name in FISHEYE_FLAGS, "U": array.size == 1}.get(array.dtype.kind, array.dtype.kind in "iuf")
    }
    return parse_content(path, next(iter(content.values())) if len(content) == 1 else content)


def _words(line: str) -> list[str]:
    return line.strip("[](); ").replace(",", " ").replace(";", " ").split()


def _parse_rows(path: Path, rows: list[list[float]]) -> CameraValues:
    if len(rows) == 1 and (values := parse_row(path, rows[0])) is not None:
        return values
    if len({len(row) for row in rows}) != 1:
        rows = [[value for row in rows for value in row]]
    row = rows[0]
    if len(rows) == 1 and len(row) == 6 and row[0].is_integer() and row[1].is_integer():  # ARKitScenes' .pincam
        width, height, fx, fy, cx, cy = row
        return CameraValues(fx, fy, cx, cy, side(path, "width", width), side(path, "height", height))
    if len(rows) * len(rows[0]) not in (4, 9, 12, 16):
        shape = f"{len(row)} numbers" if len(rows) == 1 else f"{len(rows)} lines of {len(row)} numbers"
        raise CameraFileError(
            f"{path}: holds {shape}; it must be a 3x3, 3x4 or 4x4 matrix, or the four numbers fx fy cx cy, or "
            "these with k1 k2 p1 p2 (k3)"
        )
    return parse_matrix(path, np.array(row if len(rows) == 1 else rows))


def _parse_kitti(path: Path, lines: list[str]) -> FileCameras:
    """KITTI's calib (P0 to P3) and calib_cam_to_cam (P_rect_00 to P_rect_03, or K_00 to K_03)."""
    tables: dict[str, dict[int, list[float]]] = {}
    for line in lines:
        if match := _KITTI_LINE.match(line):
            words = match[3].split()
            if wrong := [word for word in words if not _NUMBER.match(word)]:
                raise CameraFileError(f"{path}: {match[1]}{match[2]}: {wrong[0]!r:.80} is not a number")
            tables.setdefault(match[1], {})[int(match[2])] = [float(word) for word in words]
    kind = next((kind for kind in ("P_rect_", "P", "K_") if kind in tables), None)
    if kind is None:
        raise CameraFileError(f"{path}: is a KITTI calibration without a camera matrix (P0, P_rect_00 or K_00)")
    sizes = tables.get("S_rect_" if kind == "P_rect_" else "S_", {})
    cameras = {}
    for index, matrix in tables[kind].items():
        key = f"{kind}{index}"
        if len(matrix) not in (9, 12):
            raise CameraFileError(f"{path}: {key} has {len(matrix)} numbers; it must have 9 or 12")
        values = parse_matrix(path, matrix)
        size: list[int | None] = [*(side(path, "image size", value) for value in sizes.get(index, []))] or [None]
        distortion = tuple(tables.get("D_", {}).get(index, [])) if kind == "K_" else ()
        values = CameraValues(values.fx, values.fy, values.cx, values.cy, size[0], size[-1], None, distortion)
        for folder in (f"image_{index}", f"image_{index:02d}"):
            cameras[folder] = values
    return FileCameras(cameras, default="image_2" if "image_2" in cameras else next(iter(cameras)))


def _load_json(path: Path, text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=lambda pairs: without_repeats(path, pairs))
    except json.JSONDecodeError as error:
        if path.suffix.lower() in (".yaml", ".yml"):
            return _load_yaml(path, text)
        raise CameraFileError(
            f"{path}: line {error.lineno}, column {error.colno}: is not valid JSON; correct it there"
        ) from error
    except CameraFileError:
        raise
    except (RecursionError, ValueError) as error:
        raise CameraFileError(f"{path}: holds too deep nesting or too long numbers for a camera file") from error


def _load_yaml(path: Path, text: str) -> Any:
    import yaml  # type: ignore[import-untyped]

    if len(text) > _MAX_YAML_BYTES:
        raise CameraFileError(f"{path}: is larger than 1 MB, too large for a YAML camera file")
    # OpenCV writes "%YAML:1.0", which is no YAML, and marks matrices by a tag of its own.
    text = re.sub(r"\A\s*%YAML.*\n", "", text).replace("!!opencv-matrix", "").replace("\t", "  ")
    try:
        documents = [d for d in yaml.load_all(text, _yaml_loader(path)) if d is not None]
    except CameraFileError:
        raise
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise CameraFileError(f"{path}: {place}is not valid YAML; correct it there") from error
    except (RecursionError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise CameraFileError(f"{path}: is YAML with values that no camera file has; correct it") from error
    try:
        return _typed(documents[0] if documents else None, 0)
    except RecursionError as error:
        raise CameraFileError(f"{path}: holds too deep nesting for a camera file") from error


def _yaml_loader(path: Path) -> Any:
    """Make a loader that refuses keys with two values."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Safe loader that checks keys."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            """Construct a mapping of different keys."""
            if isinstance(node, yaml.MappingNode):
                without_repeats(path, [(str(key.value), value.value) for key, value in node.value])
            return super().construct_mapping(node, deep)

    return Loader


def _typed(value: Any, depth: int) -> Any:
    """Make numbers of strings like "5e2", which YAML 1.1 takes for text, and strings of all keys."""
    if depth > 12:
        raise RecursionError
    if isinstance(value, str) and len(value) < 64 and _NUMBER.match(value):
        return float(value)
    if isinstance(value, list):
        return [_typed(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {str(key): _typed(item, depth + 1) for key, item in value.items()}
    return value
