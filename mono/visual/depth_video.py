"""Depth videos: each frame beside its colored depth, on one color scale in meters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from mono.data.video import VideoSample
from mono.io.atomic import atomic_path
from mono.io.depth import read_depth
from mono.io.video import VideoError, import_av
from mono.system.progress import Progress, silent
from mono.visual.color_maps import depth_limits, visualize_depth

# In order of preference; the build of PyAV decides which of them are available.
_CODECS: tuple[tuple[str, dict[str, str]], ...] = (
    ("libx264", {"crf": "20", "preset": "medium"}),
    ("libvpx-vp9", {"crf": "30", "b": "0"}),
    ("mpeg4", {}),
)
_MAX_SIDE = 960  # [px] of each of the two panels


def depth_range(depth_files: Sequence[Path]) -> tuple[float, float]:
    """Choose one color scale for many depth maps.

    Args:
        depth_files: depth maps, read one at a time; about 2000 pixels of each count.

    Returns:
        Ends (near, far) of the scale [m].

    Raises:
        DepthError: a depth map cannot be read.
    """
    seen = []
    for path in depth_files:
        depth = read_depth(path)
        values = depth[depth > 0]
        seen.append(values[:: max(1, len(values) // 2000)])
    return depth_limits(np.concatenate(seen) if seen else np.empty(0, np.float32))


def write_depth_video(
    path: Path,
    samples: Sequence[VideoSample],
    depth_files: Sequence[Path],
    rate: float,
    progress: Progress = silent,
) -> tuple[float, float]:
    """Write frames beside their depth as an MP4, atomically.

    One frame is held at a time.

    Args:
        path: video to write (.mp4); parent folders are made.
        samples: frames, in order.
        depth_files: depth maps of the frames.
        rate: frame rate [Hz].
        progress: receiver of progress reports.

    Returns:
        Ends (near, far) of the color scale [m].

    Raises:
        VideoError: PyAV is missing or has no encoder, or a frame is damaged.
        DepthError: a depth map cannot be read.
        OSError: the file cannot be written.
    """
    near, far = depth_range(depth_files)

    def images() -> Iterator[np.ndarray]:
        for done, (sample, depth_file) in enumerate(zip(samples, depth_files, strict=True), 1):
            yield visualize_depth(sample.read().rgb, read_depth(depth_file), near, far, max_side=_MAX_SIDE)
            progress("video", done, len(samples))

    write_video(path, images(), rate)
    return near, far


def write_video(path: Path, images: Iterable[np.ndarray], rate: float) -> None:
    """Write images of one size as an MP4, atomically.

    Args:
        path: video to write (.mp4); parent folders are made.
        images: (H, W, 3) uint8 RGB images.
        rate: frame rate [Hz].

    Raises:
        VideoError: PyAV is missing or has no encoder, or the rate is not positive.
        OSError: the file cannot be written.
    """
    av = import_av()
    if not rate > 0:
        raise VideoError(f"{path}: the frame rate is {rate} Hz; it must be positive")
    known = [(name, options) for name, options in _CODECS if name in av.codecs_available]
    if not known:
        raise VideoError(f"{path}: this PyAV has none of the encoders {', '.join(name for name, _ in _CODECS)}")
    codec, options = known[0]
    with atomic_path(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=Fraction(rate).limit_denominator(1000), options=options)
        stream.pix_fmt = "yuv420p"
        size = None
        for image in images:
            # Subsampled colors need even sides.
            height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
            if size is None:
                size = stream.width, stream.height = width, height
            even = np.ascontiguousarray(image[: size[1], : size[0]])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, "rgb24")))
        if size is None:
            raise VideoError(f"{path}: there is no frame to write")
        container.mux(stream.encode())
