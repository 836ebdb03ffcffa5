"""Report of odometry errors: table, JSON and plots."""

from __future__ import annotations

import io
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mono.io.atomic import write_bytes
from mono.slam.trajectory.odometry_metrics import OdometryErrors, Segments

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAMES = {
    "none": "without alignment",
    "se3": "aligned by SE(3): rotation and translation",
    "sim3": "aligned by Sim(3): rotation, translation and scale",
}


def format_table(errors: OdometryErrors) -> str:
    """Format the table for the console."""
    few = ["FEW POSES HAVE A GROUND-TRUTH POSE: do both files use the same clock?"] * (
        2 * errors.pairs < errors.estimated
    )
    lines = [
        f"{errors.pairs} poses compared, of {errors.estimated} estimated and {errors.true} ground-truth poses; "
        f"{errors.length:.1f} m of true path",
        *few,
        *_time_lines(errors),
        "",
        "scale and shape separately",
        f"  scale error   {errors.scale_error * 100:+9.3f} %     estimated / true metre - 1, by Sim(3)",
        f"  shape error   {errors.aligned['sim3'].ate.rmse:9.4f} m     ATE after Sim(3): no scale explains it",
        "",
        "relative, as the KITTI development kit defines it (mean over stretches, no alignment)",
        *_segment_lines(errors),
        "",
        f"{'absolute (ATE) and relative (RPE)':36}{'RMSE':>10}{'mean':>10}{'median':>10}{'max':>10}",
    ]
    for kind, row in errors.aligned.items():
        lines.append(f"{_NAMES[kind]}" + (f", x {row.scale:.6g}" if kind == "sim3" else ""))
        for name, unit, spread in (
            ("ATE", "m", row.ate),
            (f"RPE over {errors.delta} pose{'s' * (errors.delta != 1)}", "m", row.rpe_translation),
            ("RPE rotation", "deg", row.rpe_rotation),
        ):
            values = "".join(f"{v:10.4f}" for v in (spread.rmse, spread.mean, spread.median, spread.max))
            lines.append(f"  {f'{name} [{unit}]':34}{values}")
    return "\n".join(lines) + "\n"


def _time_lines(errors: OdometryErrors) -> list[str]:
    apart = errors.time_apart
    lines = [
        f"ground truth is the nearest pose in time: {apart.median:.4g} s away (median), {apart.max:.4g} s at most, in "
        f"which it moves {errors.moved:.3g} m (RMS)"
    ] * (apart.max > 0)
    if errors.is_blurred_by_time:
        lines.append("MUCH OF THE ERRORS MAY BE THAT MOTION: give ground truth of a higher rate, or at these times")
    if errors.by_chance:
        lines.append("PAIRS SEEM TO BE CHANCE: one file has frame numbers or whole seconds, the other does not")
    return lines


def _segment_lines(errors: OdometryErrors) -> list[str]:
    if errors.raw.t_rel is None:
        return ["  the true path is shorter than all lengths; give shorter ones (--lengths)"]
    shape = {length: t for length, _, t, _ in errors.shape.by_length()}
    lines = [f"  {'length':>8}{'stretches':>11}{'t_rel [%]':>12}{'r_rel [deg/m]':>15}{'t_rel [%], one scale':>22}"]
    for length, count, t, r in errors.raw.by_length():
        lines.append(f"  {length:6g} m{count:11}{t:12.4f}{r:15.6f}{shape[length]:22.4f}")
    t, r = errors.raw.t_rel, errors.raw.r_rel or 0.0
    lines.append(f"  {'all':>8}{len(errors.raw.first):11}{t:12.4f}{r:15.6f}{errors.shape.t_rel:22.4f}")
    return [*lines, f"  r_rel is {r * 100:.4f} deg per 100 m; 'one scale' is the estimate times its Sim(3) scale"]


def to_json(errors: OdometryErrors) -> dict[str, Any]:
    """Convert the errors to JSON values."""

    def segments(s: Segments) -> dict[str, Any]:
        return {
            "t_rel_percent": s.t_rel,
            "r_rel_deg_per_m": s.r_rel,
            "stretches": len(s.first),
            "by_length": [
                {"length_m": length, "stretches": n, "t_rel_percent": t, "r_rel_deg_per_m": r}
                for length, n, t, r in s.by_length()
            ],
        }

    return {
        "poses_compared": errors.pairs,
        "poses_estimated": errors.estimated,
        "poses_true": errors.true,
        "few_poses_compared": 2 * errors.pairs < errors.estimated,
        "compared_by_chance": errors.by_chance,
        "time_apart_s": {"median": errors.time_apart.median, "max": errors.time_apart.max, "moved_m": errors.moved},
        "true_length_m": errors.length,
        "scale_error": errors.scale_error,
        "shape_error_m": errors.aligned["sim3"].ate.rmse,
        "kitti": segments(errors.raw),
        "kitti_after_one_scale": segments(errors.shape),
        "rpe_delta_frames": errors.delta,
        "aligned": {
            kind: {
                "scale": row.scale,
                "ate_m": asdict(row.ate),
                "rpe_m": asdict(row.rpe_translation),
                "rpe_deg": asdict(row.rpe_rotation),
            }
            for kind, row in errors.aligned.items()
        },
    }


def write_plots(errors: OdometryErrors, folder: Path, format: str = "svg") -> list[Path]:
    """Write plots of the path and of errors by length.

    Args:
        errors: the errors to plot; without stretches only the path is plotted.
        folder: folder for path and error_by_length.
        format: "svg" or "png", also the suffix.

    Returns:
        The files written.
    """
    written = [folder / f"path.{format}"]
    write_bytes(written[0], figure_bytes(_path_figure(errors), format))
    if errors.raw.t_rel is not None:
        written.append(folder / f"error_by_length.{format}")
        write_bytes(written[1], figure_bytes(_length_figure(errors), format))
    return written


def figure_bytes(figure: Figure, format: str) -> bytes:
    """Draw a figure as "svg" or "png", reproducibly."""
    from matplotlib import rc_context

    stream = io.BytesIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "mono"}):
        figure.savefig(stream, format=format, dpi=150, metadata={"Date": None} if format == "svg" else None)
    return stream.getvalue()


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _path_figure(errors: OdometryErrors) -> Figure:
    """Plot the paths over the two axes of largest extent."""
    gt = errors.compared[0][:, :3, 3]
    a, b = np.sort(np.argsort(np.ptp(gt, axis=0))[1:])
    figure = _figure(6.4, 5.2)
    axes = figure.subplots()
    axes.plot(gt[:, a], gt[:, b], color="0.25", linewidth=2.2, label="ground truth")
    for kind, color in (("se3", "tab:blue"), ("sim3", "tab:orange")):
        at = errors.aligned[kind].poses[:, :3, 3]
        ate = errors.aligned[kind].ate.rmse
        label = f"estimate, {'SE(3)' if kind == 'se3' else 'Sim(3)'}: ATE {ate:.3g} m"
        axes.plot(at[:, a], at[:, b], color=color, linewidth=1.2, label=label)
    axes.plot(*gt[0, [a, b]], "o", color="0.25", markersize=5)
    axes.set(xlabel=f"{'xyz'[a]} [m]", ylabel=f"{'xyz'[b]} [m]", aspect="equal")
    axes.grid(linewidth=0.4)
    axes.legend(fontsize=8)
    return figure


def _length_figure(errors: OdometryErrors) -> Figure:
    figure = _figure(7.2, 3.0)
    left, right = figure.subplots(1, 2)
    rows = np.array([(length, t, r * 100) for length, _, t, r in errors.raw.by_length()])
    shape = np.array([(length, t) for length, _, t, _ in errors.shape.by_length()])
    left.plot(rows[:, 0], rows[:, 1], "o-", color="tab:blue", label="as estimated")
    left.plot(shape[:, 0], shape[:, 1], "s--", color="tab:orange", label="after one scale")
    left.legend(fontsize=8)
    left.set(xlabel="length [m]", ylabel="t_rel [%]")
    right.plot(rows[:, 0], rows[:, 2], "o-", color="tab:blue")
    right.set(xlabel="length [m]", ylabel="r_rel [deg/100 m]")
    for axes in (left, right):
        axes.set_ylim(bottom=0)
        axes.grid(linewidth=0.4)
    return figure
