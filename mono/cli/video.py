"""What `metricdepth predict` does with videos beyond their frames: smoothed depth, and a video of depth."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mono.data.video import VideoSample
    from mono.io.video import Video
    from mono.runs.options import RunOptions


def add_video_flags(parser: argparse.ArgumentParser) -> None:
    """Adds which frames of a video are taken, and what is made of them."""
    group = parser.add_argument_group("video", "Frames of one video share one camera.")
    add_frame_flags(group)
    group.add_argument(
        "--smooth-scale", type=float, nargs="?", const=5.0, metavar="N",
        help="take the flicker out of the frames' scale: a low-pass of N frames (default without N: 5) writes "
        "depth_smooth/ beside depth/, and says what it changed",
    )  # fmt: skip


def add_frame_flags(group: argparse._ActionsContainer) -> None:
    """Adds which frames of a video are taken."""
    group.add_argument("--every", type=int, default=1, metavar="N", help="every N-th frame of a video (default: 1)")
    group.add_argument("--start", type=float, default=0.0, metavar="S", help="from this time on [s] (default: 0)")
    group.add_argument("--end", type=float, metavar="S", help="up to this time [s] (default: the end)")


def by_video(samples: Sequence[VideoSample]) -> dict[Video, list[VideoSample]]:
    """The samples of each video."""
    groups: dict[Video, list[VideoSample]] = {}
    for sample in samples:
        groups.setdefault(sample.video, []).append(sample)
    return groups


def say_videos(samples: Sequence[VideoSample], options: RunOptions) -> None:
    """Tells of each video what is taken of it and which camera it has, once for all of its frames."""
    for video, frames in by_video(samples).items():
        found = options.resolver.resolve_for(frames[0], video)
        camera = found.camera
        sys.stdout.write(
            f"{video.path}: {len(frames)} of {len(video)} frames, {video.width}x{video.height}, "
            f"{frames[0].seconds:.2f} to {frames[-1].seconds:.2f} s\n"
            f"  one camera: {found.source}, fx {camera.fx:.1f} px, {camera.horizontal_fov:.1f} deg ({found.detail})\n"
        )


def finish(samples: Sequence[VideoSample], options: RunOptions, smooth: float | None, video: bool) -> None:
    """Smooths scales and writes videos, of the depth that is in the output folder.

    Raises:
        ValueError: a depth map or frame cannot be read.
        RunError: another run is writing there.
    """
    from tqdm import tqdm

    from mono.io.atomic import write_bytes
    from mono.runs.folder import lock_output_folder
    from mono.runs.manifest import Manifest
    from mono.visual.depth_video import write_depth_video
    from mono.visual.smoothing import clear, find_smoothing, write_smoothed

    out = options.out
    with lock_output_folder(out):
        manifest = Manifest(out)
        for frames in by_video(samples).values():
            records = [(s, manifest.get(s.name)) for s in frames]
            done = [(s, out / r["outputs"]["depth"]) for s, r in records if r and r["status"] == "ok"]
            if not done:
                continue
            name = done[0][0].name.rpartition("/")[0]
            depth = [path for _, path in done]
            if smooth is not None:
                changes = find_smoothing(depth, smooth)
                clear(out / "depth_smooth" / name)
                depth = [out / "depth_smooth" / path.relative_to(out / "depth") for path in depth]
                with tqdm(total=len(depth), unit="map", desc="smoothing") as bar:
                    write_smoothed([path for _, path in done], depth, changes.factors, bar.update)
                report = {
                    "width_frames": smooth,
                    "cuts": [done[i][0].index for i in changes.cuts],
                    "median_change": changes.median_change,
                    "largest_change": changes.largest_change,
                    "flicker_before": changes.flicker[0],
                    "flicker_after": changes.flicker[1],
                    "factors": {str(s.index): float(f) for (s, _), f in zip(done, changes.factors, strict=True)},
                }
                path = out / "depth_smooth" / name / "smoothing.json"
                write_bytes(path, (json.dumps(report, indent=1) + "\n").encode())
                before, after = (f"{100 * f:.2f} %" for f in changes.flicker)
                sys.stdout.write(
                    f"  scale smoothed over {smooth:g} frames: median change {100 * changes.median_change:.2f} %, "
                    f"largest {100 * changes.largest_change:.2f} %; flicker {before} before, {after} after; "
                    f"{len(changes.cuts)} cuts\n  results: {path.parent}/\n"
                )
            if video:
                path = out / "video" / f"{name}.mp4"
                seconds = done[-1][0].seconds - done[0][0].seconds
                rate = (len(done) - 1) / seconds if seconds > 0 else 1.0
                with tqdm(total=len(done), unit="frame", desc="video") as bar:
                    near, far = write_depth_video(path, [s for s, _ in done], depth, rate, bar.update)
                sys.stdout.write(f"  video: {path}, colours from {near:g} m to {far:g} m\n")
