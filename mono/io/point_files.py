"""Point cloud files: positions from PLY, LAS/LAZ, CSV or text, and KITTI's .bin."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from mono.io.file_kinds import require_file
from mono.system.errors import MetricDepthError

CLOUD_SUFFIXES = frozenset({".ply", ".las", ".laz", ".csv", ".xyz", ".pts", ".bin"})
_MAX_BYTES = 4 << 30
_PLY_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip


class PointFileError(MetricDepthError):
    """Error of a point cloud file, naming file, cause and remedy."""


def read_points(path: str | os.PathLike[str]) -> np.ndarray:
    """Read the positions of a point cloud.

    Args:
        path: .ply (ASCII or binary), .las or .laz (package laspy), .csv, .xyz or .pts (x, y, z in the first columns, or
            in those named x, y and z), or KITTI's .bin.

    Returns:
        Positions, (N, 3) float64; points that are not finite are left out.

    Raises:
        PointFileError: the file is missing, damaged, of another kind, or holds no points.
    """
    path = Path(path)
    require_file(path, "a point cloud", PointFileError)
    suffix = path.suffix.lower()
    if suffix not in CLOUD_SUFFIXES:
        raise PointFileError(f"{path}: points are read from {', '.join(sorted(CLOUD_SUFFIXES))}")
    if path.stat().st_size > _MAX_BYTES:
        raise PointFileError(f"{path}: is larger than 4 GB; cut out the part that the image shows")
    if suffix == ".ply":
        points = _read_ply(path)
    elif suffix in (".las", ".laz"):
        points = _read_las(path)
    elif suffix == ".bin":
        points = _read_bin(path)
    else:
        points = _read_text(path)
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        raise PointFileError(f"{path}: holds no points")
    return points


def _read_ply(path: Path) -> np.ndarray:
    damaged = PointFileError(f"{path}: is a damaged PLY, or is cut short; write it again")
    data = path.read_bytes()
    end = re.search(rb"end_header[ \t]*\r?\n", data[: 1 << 16])
    if not data.startswith(b"ply") or end is None:
        raise PointFileError(f"{path}: is no PLY; write it again")
    lines = data[: end.start()].decode("ascii", "replace").split("\n")
    kind = ""
    elements: list[tuple[str, int, list[list[str]]]] = []
    for words in (line.split() for line in lines):
        if words[:1] == ["format"] and len(words) > 1:
            kind = words[1]
        elif words[:1] == ["element"] and len(words) == 3 and words[2].isdigit():
            elements.append((words[1], int(words[2]), []))
        elif words[:1] == ["property"] and elements:
            elements[-1][2].append(words[1:])
    if not elements or elements[0][0] != "vertex" or any(p[:1] == ["list"] for p in elements[0][2]):
        raise PointFileError(
            f"{path}: its first element is not a plain list of vertices; write x, y, z of points first"
        )
    _, count, properties = elements[0]
    if any(len(p) != 2 or p[0] not in _PLY_TYPES for p in properties):
        raise damaged
    names = [name for _, name in properties]
    if len(set(names)) < len(names) or not {"x", "y", "z"} <= set(names):
        raise PointFileError(
            f"{path}: its vertices have no x, y and z; they have {', '.join(names)[:100] or 'nothing'}"
        )
    if kind == "ascii":
        rows = data[end.end() :].decode("ascii", "replace").split("\n", count)[:count]
        try:
            table = np.array([row.split()[: len(names)] for row in rows], np.float64)
        except ValueError:
            raise damaged from None
        if table.shape != (count, len(names)):
            raise damaged
        return np.column_stack([table[:, names.index(axis)] for axis in "xyz"])
    if kind not in ("binary_little_endian", "binary_big_endian"):
        raise damaged
    order = "<" if kind == "binary_little_endian" else ">"
    layout = np.dtype([(name, order + _PLY_TYPES[size]) for size, name in properties])
    if len(data) - end.end() < count * layout.itemsize:
        raise damaged
    vertices = np.frombuffer(data, layout, count, end.end())
    return np.column_stack([vertices[axis].astype(np.float64) for axis in "xyz"])


def _read_las(path: Path) -> np.ndarray:
    try:
        import laspy
    except ImportError as error:
        raise PointFileError(f"{path}: LAS and LAZ need the package laspy: pip install 'metricdepth[align]'") from error
    try:
        cloud: Any = laspy.read(path)
        return np.asarray(cloud.xyz, np.float64).reshape(-1, 3)
    except Exception as error:  # its readers have errors of their own
        raise PointFileError(f"{path}: is damaged, or no LAS or LAZ; write it again") from error


def _read_bin(path: Path) -> np.ndarray:
    if path.stat().st_size % 16:
        raise PointFileError(f"{path}: is no KITTI scan (x, y, z, reflectance as 32-bit floats) or is cut short")
    return np.fromfile(path, "<f4").reshape(-1, 4)[:, :3].astype(np.float64)


def _read_text(path: Path) -> np.ndarray:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise PointFileError(f"{path}: is not text; write x,y,z a line") from error
    columns = [0, 1, 2]
    rows: list[list[float]] = []
    texts = [line.split("#")[0].strip().removeprefix("//").strip(",; \t") for line in lines]
    decimal_commas = _has_decimal_commas(texts)
    for number, (line, text) in enumerate(zip(lines, texts, strict=True), 1):
        words = re.split(r"[;\s]+", text.replace(",", ".")) if decimal_commas else re.split(r"[,;\s]+", text)
        if words == [""]:
            continue
        lower = [word.strip("\"'").lower() for word in words]
        if not rows and {"x", "y", "z"} <= set(lower):
            columns = [lower.index(axis) for axis in "xyz"]
            continue
        if not rows and len(words) == 1 and words[0].isdigit():
            continue  # the number of points
        try:
            rows.append([float(words[column]) for column in columns])
        except (ValueError, IndexError):
            raise PointFileError(f"{path}: line {number} is {line!r:.60}; it must hold numbers x, y, z") from None
    return np.array(rows, np.float64).reshape(-1, 3)


def _has_decimal_commas(texts: list[str]) -> bool:
    """Tell if half of the numbers have a comma within, and none has a point."""
    lines = [words for text in texts if "," in text and len(words := re.split(r"[;\s]+", text)) >= 3]
    numbers = [word for words in lines for word in words if word[-1:].isdigit()]
    commas = sum(bool(re.fullmatch(r"[-+]?\d+,\d+(e[-+]?\d+)?", word, re.IGNORECASE)) for word in numbers)
    return 2 * commas >= len(numbers) > 0 and not any("." in word for word in numbers)
