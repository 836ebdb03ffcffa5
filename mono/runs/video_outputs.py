"""Results of whole videos, made of a run's depth: smoothed scale, and a video of depth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mono.data.video import VideoSample
from mono.io.atomic import write_bytes
from mono.io.video import Video
from mono.runs.folder import lock_output_folder
from mono.runs.manifest import Manifest
from mono.runs.paths import own_file
from mono.system.errors import RunError
from mono.system.progress import Progress, silent
from mono.visual.depth_video import write_depth_video
from mono.visual.smoothing import Smoothing, clear_smoothed, find_smoothing, write_smoothed

SMOOTH_FOLDER = "depth_smooth"


@dataclass(frozen=True)
class VideoOutput:
    """Results of one video.

    Attributes:
        name: name of the video among the run's outputs.
        smoothing: changes of scale; None: not smoothed.
        smooth_folder: folder of the smoothed depth; None: not smoothed.
        video: the video of depth; None: not written.
        limits: its nearest and farthest color [m].
    """

    name: str
    smoothing: Smoothing | None = None
    smooth_folder: Path | None = None
    video: Path | None = None
    limits: tuple[float, float] | None = None


def finish_videos(
    samples: Sequence[VideoSample],
    out: Path,
    *,
    smooth_frames: float | None = None,
    video: bool = False,
    overwrite: bool = False,
    progress: Progress = silent,
) -> list[VideoOutput]:
    """Smooth the scale of videos and write videos of depth, from the depth of a run.

    Args:
        samples: frames of the run.
        out: its output folder, with depth of these frames.
        smooth_frames: width of the low-pass filter [frames]; None: depth is not smoothed.
        video: write a video of depth, smoothed where `smooth_frames` is given.
        overwrite: replace smoothed depth of another width.
        progress: receiver of progress reports.

    Returns:
        Results of each video that has depth.

    Raises:
        MetricDepthError: a depth map or frame cannot be read.
        RunError: another run is writing there, or smoothed depth of another width would be replaced.
    """
    made = []
    with lock_output_folder(out):
        manifest = Manifest(out)
        for frames in by_video(samples).values():
            done = [(sample, file) for sample in frames if (file := _depth_file(manifest, sample))]
            if not done:
                continue
            name = done[0][0].name.rpartition("/")[0]
            depth = [path for _, path in done]
            smoothing, folder = None, None
            if smooth_frames is not None:
                folder = out / SMOOTH_FOLDER / name
                smoothing = _smooth(out, done, folder, smooth_frames, overwrite, progress)
                depth = [out / SMOOTH_FOLDER / path.relative_to(out / "depth") for path in depth]
            target, limits = None, None
            if video:
                target = out / "video" / f"{name}.mp4"
                limits = _write_video(target, [sample for sample, _ in done], depth, progress)
            made.append(VideoOutput(name, smoothing, folder, target, limits))
    return made


def by_video(samples: Sequence[VideoSample]) -> dict[Video, list[VideoSample]]:
    """Group samples by their video."""
    groups: dict[Video, list[VideoSample]] = {}
    for sample in samples:
        groups.setdefault(sample.video, []).append(sample)
    return groups


def _depth_file(manifest: Manifest, sample: VideoSample) -> Path | None:
    record = manifest.get(sample.name)
    if record is None or record["status"] != "ok" or not isinstance(record["outputs"].get("depth"), str):
        return None
    return own_file(manifest.folder, record["outputs"]["depth"])


def _smooth(
    out: Path,
    done: Sequence[tuple[VideoSample, Path]],
    folder: Path,
    width: float,
    overwrite: bool,
    progress: Progress,
) -> Smoothing:
    report = folder / "smoothing.json"
    if not overwrite and (former := _former_width(report)) not in (None, width):
        raise RunError(
            f"{folder} holds depth smoothed over {former} frames: choose another output folder (--out), or --overwrite"
        )
    depth = [path for _, path in done]
    smoothing = find_smoothing(depth, width)
    clear_smoothed(folder, out)
    targets = [out / SMOOTH_FOLDER / path.relative_to(out / "depth") for path in depth]
    write_smoothed(depth, targets, smoothing.factors, progress)
    content = {
        "width_frames": width,
        "cuts": [done[i][0].index for i in smoothing.cuts],
        "median_change": smoothing.median_change,
        "largest_change": smoothing.largest_change,
        "flicker_before": smoothing.flicker[0],
        "flicker_after": smoothing.flicker[1],
        "factors": {str(s.index): float(f) for (s, _), f in zip(done, smoothing.factors, strict=True)},
    }
    write_bytes(report, (json.dumps(content, indent=1) + "\n").encode())
    return smoothing


def _former_width(report: Path) -> object:
    """Return the filter width of an earlier smoothing; None where there is none."""
    try:
        content = json.loads(report.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return content.get("width_frames", "unknown") if isinstance(content, dict) else "unknown"


def _write_video(
    path: Path, samples: Sequence[VideoSample], depth: Sequence[Path], progress: Progress
) -> tuple[float, float]:
    seconds = samples[-1].seconds - samples[0].seconds
    rate = (len(samples) - 1) / seconds if seconds > 0 else 1.0
    return write_depth_video(path, samples, depth, rate, progress)
