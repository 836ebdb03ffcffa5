"""Formats of trajectory files, detected from their columns."""

from __future__ import annotations

import math
import re
from typing import Literal, get_args

import numpy as np

from mono.slam.trajectory.text_table import TextTable
from mono.slam.trajectory.time_units import time_unit
from mono.slam.trajectory.trajectory import TrajectoryError

Format = Literal["tum", "kitti", "euroc"]
FORMATS: tuple[Format, ...] = get_args(Format)

COLUMNS = {
    "tum": (8, "time tx ty tz qx qy qz qw"),
    "kitti": (12, "the three rows of a 3x4 matrix"),
    "euroc": (8, "time[ns],px,py,pz,qw,qx,qy,qz"),
}


def check_format(path: object, format: str) -> None:
    """Raise TrajectoryError if `format` is not one of `FORMATS`."""
    if format not in FORMATS:
        raise TrajectoryError(f"{path}: format {format!r} is unknown; choose {', '.join(FORMATS)}")


def split_matrices(table: TextTable) -> np.ndarray | None:
    """Reduce lines with a 4x4 matrix, or a time or index before a matrix, to KITTI's twelve numbers.

    Replica writes 16 numbers, KITTI-360 an index with 12 or 16.

    Args:
        table: the file's lines; its rows are changed.

    Returns:
        The first column, if it is a time or an index, (N,); None for other files.
    """
    count = len(table.rows[0])
    if count not in (13, 16, 17) or any(len(row) != count for row in table.rows):
        return None
    if count > 13 and not all([_value(part) for part in row[-4:]] == [0, 0, 0, 1] for row in table.rows):
        return None
    first = table.values(1, "a time or index")[:, 0] if count != 16 else None
    start = count % 4
    table.rows = [row[start : start + 12] for row in table.rows]
    table.notes.append("its lines are taken as matrices" + (" after a time or index" if start else ""))
    return first


def _value(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def quaternion_names(table: TextTable) -> list[str]:
    """Find the columns of quaternions that a file's header names, in their order."""
    return re.findall(r"q_?[wxyz](?![a-z])", table.header)


def detect_format(table: TextTable) -> Format:
    """Tell the format of a file by its columns, their names and the size of its times.

    Raises:
        TrajectoryError: the file is of another kind, or the number of columns fits no format.
    """
    count = len(table.rows[0])
    if re.search(r"image_id,\s*qw", table.header):
        raise TrajectoryError(
            f"{table.path}: is images.txt of a COLMAP model, not a trajectory; `metricdepth rescale` and `predict "
            "--align` take the model's folder"
        )
    if count == 12 and not _large(table.rows[0][0]):
        return "kitti"
    names = quaternion_names(table)
    w_first = bool(names) and names[0][-1] == "w"
    if count == 8 or (count > 8 and (table.comma or count == 17 or len(names) >= 4)):
        if names:
            return "euroc" if w_first else "tum"
        if table.comma and (count > 8 or _large(table.rows[0][0]) or "[ns]" in table.header):
            return "euroc"
        if count == 17 or (table.comma and _in_nanoseconds(table)):
            return "euroc"
        if count == 8:
            if table.comma:
                table.notes.append(
                    "separated by commas, but its times are not nanoseconds: read as TUM, with quaternions "
                    "qx qy qz qw; give the format euroc if qw comes first"
                )
            return "tum"
    raise TrajectoryError(
        f"{table.place(0)}: has {count} values; expected 8 (TUM), 12 (KITTI), or 8 and more separated by commas (EuRoC)"
    )


def _large(text: str) -> bool:
    """Tell whether a field is a time in nanoseconds or microseconds since 1970."""
    return abs(_value(text)) >= 1e14


def _in_nanoseconds(table: TextTable) -> bool:
    """Tell whether the first column holds nanoseconds."""
    times = np.array([_value(row[0]) for row in table.rows])
    return bool(np.isfinite(times).all()) and time_unit(times).name == "nanoseconds"


def skip_repeats(table: TextTable, times: np.ndarray) -> np.ndarray:
    """Select each time's first line; note the others.

    Args:
        table: the file's lines.
        times: of the lines [s], (N,).

    Returns:
        Rows to keep, increasing, (K,).

    Raises:
        TrajectoryError: times go back, or most of them repeat.
    """
    steps = np.diff(times)
    for i in np.flatnonzero(steps < 0):
        raise TrajectoryError(
            f"{table.place(i + 1)}: time {times[i + 1]:.9f} comes before {times[i]:.9f} in line {table.numbers[i]}; "
            "sort the lines by time"
        )
    repeated = np.flatnonzero(steps == 0) + 1
    if len(repeated) > len(times) // 2:
        raise TrajectoryError(
            f"{table.path}: {len(repeated)} of {len(times)} lines repeat the time of the line before: times are "
            "rounded too much; write them with more digits"
        )
    if len(repeated):
        lines = ", ".join(str(table.numbers[i]) for i in repeated[:5]) + (", ..." if len(repeated) > 5 else "")
        table.notes.append(
            f"{len(repeated)} repeated time{'s' * (len(repeated) > 1)} skipped (line{'s' * (len(repeated) > 1)} "
            f"{lines}); the first pose of each time is kept"
        )
    return np.setdiff1d(np.arange(len(times)), repeated)


def check_quaternions(table: TextTable, quaternions: np.ndarray, format: Format) -> None:
    """Check the length of quaternions (N, 4); note a few that are nearly units.

    Raises:
        TrajectoryError: a length is 5 % off, or most are 1 % off.
    """
    with np.errstate(over="ignore"):
        length = np.linalg.norm(quaternions, axis=1)
    odd = ~(np.abs(length - 1) < 0.01)
    if odd.any() and 2 * odd.sum() <= len(odd) and (np.abs(length - 1) < 0.05).all():
        first = int(np.flatnonzero(odd)[0])
        table.notes.append(
            f"{odd.sum()} of {len(odd)} quaternions normalized "
            f"(line {table.numbers[first]}: length {length[first]:.4g})"
        )
        return
    for i in np.flatnonzero(odd):
        order = "qx qy qz qw" if format == "tum" else "qw qx qy qz"
        found = "is all zeros" if length[i] == 0 else f"has length {length[i]:.4g}, not 1"
        raise TrajectoryError(
            f"{table.place(i)}: the quaternion ({order}) {found}; normalize it, or check that the columns are "
            f"{COLUMNS[format][1]}"
        )
