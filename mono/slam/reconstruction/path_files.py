"""Files of metric paths: trajectories, points, plot and scale.json."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mono.data.camera_source import ResolvedCamera
from mono.io.atomic import write_bytes
from mono.io.point_cloud import write_ply
from mono.runs.calibrate import camera_entries, focal_note
from mono.slam.reconstruction.metric_paths import MetricPath
from mono.slam.reconstruction.result_folder import refuse_foreign_files, replace_results
from mono.slam.scale.rescaling import to_json
from mono.slam.trajectory.files import write_trajectory
from mono.slam.trajectory.odometry_report import figure_bytes


def write_paths(
    out: Path,
    paths: Sequence[MetricPath],
    found: ResolvedCamera,
    method: str,
    frames: int,
    unread: Sequence[Any],
    settings: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write the files of all paths, then scale.json.

    The first path goes into `out`, others into `out`/part_2, ... A folder gets trajectory_tum.txt,
    trajectory_kitti.txt, frames.txt (time and name of each pose), camera.json (refined, if it was) and points.ply;
    paths and points without a scale are called unscaled_..., in a unit of their own. Files of an earlier run are
    removed.

    Args:
        out: output folder.
        paths: the paths, most frames first.
        found: camera that the frames were given.
        method: "sfm" or "vo".
        frames: number of frames given.
        unread: (source, reason) of frames that could not be read.
        settings: as from `path_settings`, noted for the next run; None: unknown.

    Returns:
        The content of scale.json.

    Raises:
        SlamError: files of others would be replaced.
        OSError: a file cannot be written.
    """
    refuse_foreign_files(out)
    replace_results(out, method, settings or {})
    parts = []
    for number, path in enumerate(paths, 1):
        folder = out if number == 1 else out / f"part_{number}"
        prefix = "" if path.metric else "unscaled_"
        files = {kind: folder / f"{prefix}trajectory_{kind}.txt" for kind in ("tum", "kitti")}
        write_trajectory(files["tum"], path.trajectory, "tum")
        write_trajectory(files["kitti"], path.trajectory, "kitti")
        lines = [f"{t:.9f} {n}" for t, n in zip(path.trajectory.times, path.trajectory.names, strict=True)]
        write_bytes(folder / "frames.txt", ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape"))
        write_ply(folder / f"{prefix}points.ply", path.points, path.colors, frame="the first camera's frame")
        entries = camera_entries([path.camera])
        if math.isclose(path.camera.fx, found.camera.fx, rel_tol=1e-6):  # else COLMAP refined it
            entries |= focal_note([found]).entries()
        write_bytes(folder / "camera.json", (json.dumps(entries) + "\n").encode())
        parts.append({"folder": str(folder.relative_to(out)), **_content(path)})
    write_bytes(out / "path.svg", _plot(paths))
    camera = found.camera
    content = {
        "method": method,
        "camera": {
            "source": found.source,
            "detail": found.detail,
            "intrinsics": [round(v, 4) for v in camera.intrinsics],
            "size": [camera.width, camera.height],
        },
        "frames": frames,
        "unread": [{"frame": source, "reason": reason} for source, reason in unread],
        "parts": parts,
    }
    write_bytes(out / "scale.json", (json.dumps(content, indent=1) + "\n").encode())
    return content


def _content(path: MetricPath) -> dict[str, Any]:
    trajectory = path.trajectory
    content: dict[str, Any] = {
        "status": "metric" if path.metric else "refused",
        "frames": len(trajectory),
        "first": trajectory.names[0],
        "last": trajectory.names[-1],
        "length_m" if path.metric else "length_units": round(trajectory.length, 4),
        **path.details,
    }
    if path.problem:
        content["reason"] = path.problem
    if path.scale:
        content |= to_json(path.scale, windowed=False)
    return content


def _plot(paths: Sequence[MetricPath]) -> bytes:
    """Plot the paths from above as SVG, in the frame of each first camera."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * min(len(paths), 3), 4.2 * math.ceil(len(paths) / 3)), layout="constrained")
    grid = figure.subplots(math.ceil(len(paths) / 3), min(len(paths), 3), squeeze=False).ravel()
    for axes, path in zip(grid, paths, strict=False):
        x, _, z = path.trajectory.positions.T
        unit = "m" if path.metric else "units"
        if len(path.points):
            near = np.linalg.norm(path.points[:, [0, 2]] - [x.mean(), z.mean()], axis=1)
            shown = path.points[near < 3 * max(np.ptp(x), np.ptp(z), 1e-9)][:: max(1, len(path.points) // 4000)]
            axes.scatter(shown[:, 0], shown[:, 2], s=0.5, color="0.75", rasterized=True)
        axes.plot(x, z, color="tab:blue" if path.metric else "tab:red", linewidth=1.5)
        axes.plot(x[0], z[0], "o", color="0.25", markersize=4)
        axes.set(xlabel=f"right [{unit}]", ylabel=f"forward [{unit}]", aspect="equal")
        axes.set_title(f"{len(x)} frames, {path.trajectory.length:.1f} {unit}" + ("" if path.metric else ", no scale"))
    for axes in grid[len(paths) :]:
        axes.set_visible(False)
    return figure_bytes(figure, "svg")
