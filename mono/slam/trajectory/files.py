"""Trajectory files: TUM, KITTI and EuRoC."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from mono.io.atomic import write_bytes
from mono.slam.trajectory.formats import (
    COLUMNS,
    FORMATS,
    Format,
    check_format,
    check_quaternions,
    detect_format,
    quaternion_names,
    skip_repeats,
    split_matrices,
)
from mono.slam.trajectory.rotations import from_quaternions, to_quaternions
from mono.slam.trajectory.text_table import TextTable, read_table, read_text
from mono.slam.trajectory.time_units import table_times
from mono.slam.trajectory.trajectory import Trajectory, TrajectoryError, pose_faults

logger = logging.getLogger(__name__)

__all__ = [
    "FORMATS",
    "Format",
    "count_poses",
    "file_format",
    "has_own_times",
    "read_body_from_camera",
    "read_timed",
    "read_times",
    "read_trajectory",
    "write_trajectory",
]


def read_trajectory(path: Path, format: Format | None = None) -> Trajectory:
    """Read a TUM, KITTI or EuRoC trajectory.

    - tum: `time tx ty tz qx qy qz qw`, camera to world.
    - kitti: twelve numbers a line, the rows of the 3x4 camera-to-world matrix; times are line numbers from 0. A time
      or index before them, and a fourth row 0 0 0 1, are understood.
    - euroc: `time[ns],px,py,pz,qw,qx,qy,qz[,...]`; later columns (speed, biases) are ignored. These are poses of the
      *body* (the inertial sensor): enough to compare trajectories, not to look through the camera. The
      camera's poses are `poses @ read_body_from_camera(path)`, T_BS in the camera's sensor.yaml.

    Fields may be separated by spaces, commas or semicolons. The unit of times is that of a header ("time [us]"), or
    nanoseconds if the format euroc is given; else it is detected from their steps and size. Of lines with the same time
    the first is kept. Each repair and each doubtful unit is logged as a warning, other units as information.

    Args:
        path: the file.
        format: None: detected from the columns, their names and the size of the times.

    Returns:
        The trajectory, times in seconds.

    Raises:
        TrajectoryError: the file is missing, is of another format, or a line is wrong; the message names file, line
            and value.
    """
    return _read(path, format)[0]


def read_timed(path: Path, format: Format | None = None, times: np.ndarray | None = None) -> tuple[Trajectory, bool]:
    """Read a trajectory, and tell whether its times are a clock's.

    Args:
        path: the file.
        format: as for `read_trajectory`.
        times: times of a KITTI file's lines [s], (at least N,); its line numbers are used without them.

    Raises:
        TrajectoryError: as `read_trajectory`, or there are fewer times than poses.
    """
    trajectory, clock = _read(path, format)
    if clock:
        return trajectory, True
    if times is None:
        return trajectory, False
    if len(times) < len(trajectory):
        raise TrajectoryError(f"{path}: has {len(trajectory)} poses, but only {len(times)} times are given")
    rows = trajectory.times.astype(int)  # of images: line numbers, or the file's own
    if not (rows.min() >= 0 and rows.max() < len(times)):
        raise TrajectoryError(f"{path}: names image {rows.max()}, but only {len(times)} times are given")
    return replace(trajectory, times=times[rows]), True


def _read(path: Path, format: Format | None) -> tuple[Trajectory, bool]:
    """Read a trajectory, and tell whether its times are a clock's."""
    table = read_table(path)
    if format is not None:
        check_format(path, format)
    first = split_matrices(table) if format in (None, "kitti") else None
    found = format or detect_format(table)
    poses, times = _poses(table, found, is_given=format is not None)
    clock = found != "kitti"
    if first is not None:
        times, clock = first, bool((first != np.round(first)).any())
    for k, reason in pose_faults(poses):
        raise TrajectoryError(f"{table.place(k)}: {reason}; is the file {found} ({COLUMNS[found][1]})?")
    kept = skip_repeats(table, times)
    _log_notes(table)
    return Trajectory(poses[kept], times[kept]), clock


def _poses(table: TextTable, format: Format, is_given: bool) -> tuple[np.ndarray, np.ndarray]:
    """Convert a table's rows to poses (N, 4, 4) and times [s], (N,)."""
    count, meaning = COLUMNS[format]
    more = format == "euroc" or (format == "tum" and len(quaternion_names(table)) >= 4)  # covariances behind the pose
    for i, row in enumerate(table.rows):
        if len(row) > count and not more:
            raise TrajectoryError(f"{table.place(i)}: has {len(row)} values; {format} has {count} ({meaning})")
    values = table.values(count, f"{format}: {meaning}")
    poses = np.tile(np.eye(4), (len(values), 1, 1))
    if format == "kitti":
        poses[:, :3] = values.reshape(-1, 3, 4)
        return poses, np.arange(len(values), dtype=np.float64)
    quaternions = values[:, 4:8] if format == "tum" else values[:, [5, 6, 7, 4]]
    check_quaternions(table, quaternions, format)
    poses[:, :3, :3] = from_quaternions(quaternions)
    poses[:, :3, 3] = values[:, 1:4]
    return poses, table_times(table, values[:, 0], format == "euroc", is_given)


def write_trajectory(path: Path, trajectory: Trajectory, format: Format, indexed: bool = False) -> None:
    """Write a trajectory, complete or not at all.

    `read_trajectory` returns the same values to 1e-9. KITTI files have no times unless `indexed`.

    Args:
        path: the file; missing folders are made.
        trajectory: the poses.
        format: one of `FORMATS`.
        indexed: write times or frame numbers before the matrices of a KITTI file.

    Raises:
        TrajectoryError: the format is unknown.
        OSError: the file cannot be written.
    """
    check_format(path, format)
    poses = trajectory.poses
    lines = []
    if format == "kitti":
        first = [f"{t:.16g} " if indexed else "" for t in trajectory.times]
        lines = [t + " ".join(f"{v:.12e}" for v in pose[:3].ravel()) for t, pose in zip(first, poses, strict=True)]
    else:
        q, p = to_quaternions(poses[:, :3, :3]), poses[:, :3, 3]
        if format == "tum":
            lines = ["# time tx ty tz qx qy qz qw"]
            lines += [
                f"{t:.9f} " + " ".join(f"{v:.12g}" for v in (*p[i], *q[i])) for i, t in enumerate(trajectory.times)
            ]
        else:
            lines = ["#timestamp [ns],p_x [m],p_y [m],p_z [m],q_w,q_x,q_y,q_z"]
            lines += [
                f"{round(t * 1e9)}," + ",".join(f"{v:.12g}" for v in (*p[i], q[i, 3], *q[i, :3]))
                for i, t in enumerate(trajectory.times)
            ]
    write_bytes(Path(path), ("\n".join(lines) + "\n").encode())


def read_times(path: Path) -> np.ndarray:
    """Read times from the first column of a file.

    KITTI's times.txt and TUM's rgb.txt are such files.

    Returns:
        Times [s], (N,).

    Raises:
        TrajectoryError: the file is missing, or a line does not begin with a time.
    """
    table = read_table(path)
    times = table_times(table, table.values(1, "a time")[:, 0])
    _log_notes(table)
    return times


def _log_notes(table: TextTable) -> None:
    """Log repairs and doubts; a unit as information."""
    for note in table.notes:
        is_unit = re.fullmatch("its times are taken as [a-z]+", note)
        logger.log(logging.INFO if is_unit else logging.WARNING, "%s: %s", table.path, note)


def file_format(path: Path) -> Format:
    """Tell the format of a trajectory file.

    Raises:
        TrajectoryError: the file is missing or of no known format.
    """
    table = read_table(path)
    split_matrices(table)
    return detect_format(table)


def has_own_times(path: Path) -> bool:
    """Tell whether poses have times or indices, beyond their lines' order.

    Raises:
        TrajectoryError: the file is missing or of no known format.
    """
    table = read_table(path)
    return split_matrices(table) is not None or detect_format(table) != "kitti"


def count_poses(path: Path) -> int:
    """Count the lines with a pose.

    Raises:
        TrajectoryError: the file is missing or holds none.
    """
    return len(read_table(path).rows)


def read_body_from_camera(path: Path) -> np.ndarray:
    """Read the camera-to-body matrix T_BS of an EuRoC sensor.yaml.

    A file with 16 numbers is accepted, too.

    Returns:
        Rigid motion, (4, 4).

    Raises:
        TrajectoryError: the file holds no such matrix.
    """
    text, _ = read_text(path)
    match = re.search(r"T_BS\s*:.*?data\s*:\s*\[(.*?)\]", text, re.DOTALL)
    try:
        values = [float(v) for v in (match[1] if match else text).replace(",", " ").split()]
    except ValueError:
        values = []
    matrix = np.array(values).reshape(4, 4) if len(values) == 16 else np.zeros((4, 4))
    if pose_faults(matrix[None]):
        raise TrajectoryError(f"{path}: holds no 4x4 matrix T_BS of a rigid motion; give the camera's sensor.yaml")
    return matrix
