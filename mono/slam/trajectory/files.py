"""Trajectories in files: TUM, KITTI and EuRoC."""

from __future__ import annotations

import logging
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from mono.io.atomic import write_bytes
from mono.slam.trajectory.trajectory import (
    Trajectory,
    TrajectoryError,
    from_quaternions,
    pose_faults,
    to_quaternions,
)

logger = logging.getLogger(__name__)

Format = Literal["tum", "kitti", "euroc"]
FORMATS: tuple[Format, ...] = get_args(Format)

# Seconds since 1970 have ten digits; what is larger than this counts nanoseconds, as ORB-SLAM3 writes them.
_NANOSECONDS_ABOVE = 1e14
_LINES = {
    "tum": (8, "time tx ty tz qx qy qz qw"),
    "kitti": (12, "the three rows of a 3x4 matrix"),
    "euroc": (8, "time[ns],px,py,pz,qw,qx,qy,qz"),
}


def read_trajectory(path: Path, format: Format | None = None, body_from_camera: np.ndarray | None = None) -> Trajectory:
    """A trajectory from a text file. Empty lines and those that begin with # are passed over.

    - tum: `time tx ty tz qx qy qz qw`, camera to world, seconds. Times above 1e14 are taken as nanoseconds (as
      ORB-SLAM3 writes them for EuRoC), which is logged.
    - kitti: twelve numbers a line, the rows of the 3x4 camera-to-world matrix; times are line numbers from 0.
    - euroc: `time[ns],px,py,pz,qw,qx,qy,qz[,...]`, commas; later columns (speed, biases) are not used. These are poses
      of the *body* (the inertial sensor). With `body_from_camera` (T_BS in the camera's sensor.yaml) they become those
      of the camera; without it the body's poses are returned, which serves to compare trajectories but not to look
      through the camera.

    Args:
        path: the file.
        format: found out by the numbers in the first line if None.
        body_from_camera: (4, 4), for euroc only.

    Raises:
        TrajectoryError: the file is missing, is of another format, or a line is wrong; it names file, line and value.
    """
    path = Path(path)
    rows, numbers = _rows(path)
    found = format or _format_of(path, rows[0], numbers[0])
    if found not in FORMATS:
        raise TrajectoryError(f"{path}: format {found!r} is unknown; choose {', '.join(FORMATS)}")
    if body_from_camera is not None and found != "euroc":
        raise TrajectoryError(f"{path}: only EuRoC files have poses of a body; this one is {found}")
    table = _table(path, rows, numbers, found)
    poses = np.tile(np.eye(4), (len(table), 1, 1))
    times = np.arange(len(table), dtype=np.float64)
    if found == "kitti":
        poses[:, :3] = table.reshape(-1, 3, 4)
    else:
        times = _times(path, [row.replace(",", " ").split()[0] for row in rows], table[:, 0], found)
        quaternions = table[:, 4:8] if found == "tum" else table[:, [5, 6, 7, 4]]
        length = np.linalg.norm(quaternions, axis=1)
        for i in np.flatnonzero(~(np.abs(length - 1) < 0.01)):
            raise TrajectoryError(
                f"{path}, line {numbers[i]}: its quaternion has length {length[i]:.4g}, not 1; "
                f"expected {_LINES[found][1]}"
            )
        poses[:, :3, :3] = from_quaternions(quaternions)
        poses[:, :3, 3] = table[:, 1:4]
    for k, reason in pose_faults(poses):
        raise TrajectoryError(f"{path}, line {numbers[k]}: {reason}; is it {found} ({_LINES[found][1]})?")
    for i in np.flatnonzero(np.diff(times) <= 0):
        raise TrajectoryError(
            f"{path}, line {numbers[i + 1]}: time {times[i + 1]:.9f} does not come after {times[i]:.9f} in "
            f"line {numbers[i]}; sort the lines by time and remove repeated ones"
        )
    return Trajectory(poses if body_from_camera is None else poses @ np.asarray(body_from_camera), times)


def write_trajectory(
    path: Path, trajectory: Trajectory, format: Format, body_from_camera: np.ndarray | None = None
) -> None:
    """Writes a trajectory, whole or not at all. What `read_trajectory` returns from it is the same to 1e-9.

    KITTI files have no times. EuRoC files have poses of a body: those of the camera are changed by `body_from_camera`
    if it is given, and written as they are otherwise.

    Raises:
        TrajectoryError: the format is unknown.
        OSError: the file cannot be written.
    """
    if format not in FORMATS:
        raise TrajectoryError(f"{path}: format {format!r} is unknown; choose {', '.join(FORMATS)}")
    poses = trajectory.poses
    if body_from_camera is not None:
        if format != "euroc":
            raise TrajectoryError(f"{path}: only EuRoC files have poses of a body; this one is to be {format}")
        poses = poses @ np.linalg.inv(body_from_camera)
    lines = []
    if format == "kitti":
        lines = [" ".join(f"{v:.12e}" for v in pose[:3].ravel()) for pose in poses]
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
    """Times [s], (N,), of a file with one in the first column of each line, as KITTI's times.txt and TUM's rgb.txt.

    Raises:
        TrajectoryError: the file is missing or a line is wrong.
    """
    rows, numbers = _rows(path)
    times = np.empty(len(rows))
    for i, row in enumerate(rows):
        try:
            times[i] = float(row.replace(",", " ").split()[0])
        except ValueError:
            raise TrajectoryError(f"{path}, line {numbers[i]}: does not begin with a time: {row[:40]!r}") from None
    return times / 1e9 if times[0] > _NANOSECONDS_ABOVE else times


def read_timed(path: Path, format: Format | None = None, times: np.ndarray | None = None) -> tuple[Trajectory, bool]:
    """A trajectory and whether its times are a clock's; a KITTI file's are line numbers unless `times` are given.

    Raises:
        TrajectoryError: as `read_trajectory`, or the number of times is not that of the lines.
    """
    trajectory = read_trajectory(path, format)
    if (format or file_format(path)) != "kitti":
        return trajectory, True
    if times is None:
        return trajectory, False
    if len(times) < len(trajectory):
        raise TrajectoryError(f"{path}: has {len(trajectory)} poses, but there are {len(times)} times for them")
    return replace(trajectory, times=times[: len(trajectory)]), True


def file_format(path: Path) -> Format:
    """The format of a trajectory file, by its first line.

    Raises:
        TrajectoryError: it is none.
    """
    rows, numbers = _rows(path)
    return _format_of(path, rows[0], numbers[0])


def read_body_from_camera(path: Path) -> np.ndarray:
    """The 4x4 matrix T_BS (camera to body) of an EuRoC sensor.yaml, or of a file with 16 numbers.

    Raises:
        TrajectoryError: the file has no such matrix.
    """
    text = _text(path)
    match = re.search(r"T_BS\s*:.*?data\s*:\s*\[(.*?)\]", text, re.DOTALL)
    try:
        values = [float(v) for v in (match[1] if match else text).replace(",", " ").split()]
    except ValueError:
        values = []
    matrix = np.array(values).reshape(4, 4) if len(values) == 16 else np.zeros((4, 4))
    faults = pose_faults(matrix[None])
    if faults:
        raise TrajectoryError(f"{path}: holds no 4x4 matrix T_BS of a rigid motion; give the camera's sensor.yaml")
    return matrix


def _text(path: Path) -> str:
    try:
        return Path(path).read_text()
    except FileNotFoundError:
        raise TrajectoryError(f"{path}: there is no such file; check the path") from None
    except UnicodeDecodeError as error:
        raise TrajectoryError(f"{path}: is not text; a trajectory is TUM, KITTI or EuRoC text") from error
    except OSError as error:
        raise TrajectoryError(f"{path}: cannot be read ({error.strerror or error})") from error


def _rows(path: Path) -> tuple[list[str], list[int]]:
    """Lines that are neither empty nor comments, and their numbers in the file from 1."""
    numbered = [(line.strip(), i) for i, line in enumerate(_text(path).splitlines(), 1)]
    kept = [(line, i) for line, i in numbered if line and not line.startswith("#")]
    if not kept:
        raise TrajectoryError(f"{path}: holds no poses")
    return [line for line, _ in kept], [i for _, i in kept]


def _format_of(path: Path, row: str, number: int) -> Format:
    if "," in row:
        return "euroc"
    count = len(row.split())
    if count in (8, 12):
        return "tum" if count == 8 else "kitti"
    raise TrajectoryError(
        f"{path}, line {number}: has {count} values; expected 8 (TUM), 12 (KITTI), or commas between them (EuRoC)"
    )


def _table(path: Path, rows: list[str], numbers: list[int], format: Format) -> np.ndarray:
    """The numbers of all lines, (N, 8 or 12)."""
    count, meaning = _LINES[format]
    table = np.empty((len(rows), count))
    for i, row in enumerate(rows):
        parts = [p.strip() for p in row.split(",")] if format == "euroc" else row.split()
        if len(parts) != count and not (format == "euroc" and len(parts) > count):
            raise TrajectoryError(
                f"{path}, line {numbers[i]}: has {len(parts)} values; {format} has {count} ({meaning})"
            )
        for j, part in enumerate(parts[:count]):
            try:
                table[i, j] = float(part)
            except ValueError:
                raise TrajectoryError(f"{path}, line {numbers[i]}: {part!r} is not a number") from None
            if not math.isfinite(table[i, j]):
                raise TrajectoryError(f"{path}, line {numbers[i]}: {part!r} is not finite; remove lines without a pose")
    return table


def _times(path: Path, texts: list[str], values: np.ndarray, format: Format) -> np.ndarray:
    """Times [s]; nanoseconds are read as whole numbers, since float64 would round them to 256 ns."""
    if format == "tum" and values[0] < _NANOSECONDS_ABOVE:
        return values
    if format == "tum":
        logger.info("%s: its times are taken as nanoseconds", path)
    return np.array([int(t) / 1e9 if t.isdigit() else v / 1e9 for t, v in zip(texts, values, strict=True)])
