"""Frames of videos as samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mono.data.sample import Sample, unique_names
from mono.io.images import Photo
from mono.io.video import Video


@dataclass(frozen=True)
class VideoSample(Sample):
    """A frame of a video; `rgb` and `source` are the video's file, and the frame in it.

    Attributes:
        video: the opened video, which all its samples share.
        index: the frame, counted from 0.
        seconds: when it is shown, from the first frame on [s].
    """

    video: Video = field(kw_only=True)
    index: int = 0
    seconds: float = 0.0

    def read(self) -> Photo:
        """The frame.

        Raises:
            VideoError: it is damaged.
        """
        return Photo(self.video.frame(self.index), self.video.exif)


def video_sample(video: Video, name: str, index: int) -> VideoSample:
    """A frame as a sample of this name."""
    source = f"{video.path}:{index:06d}"
    return VideoSample(name, video.path, source, video=video, index=index, seconds=float(video.times[index]))


def find_frames(
    inputs: Sequence[str | Path], every: int = 1, start: float = 0.0, end: float | None = None
) -> list[VideoSample]:
    """The frames of videos as samples that are decoded when they are read.

    They are named by the video and their number in it: "clip/000012".

    Args:
        inputs: video files.
        every, start, end: which frames; see `Video.select`.

    Raises:
        VideoError: a video cannot be used, or has no such frame.
    """
    paths = list(dict.fromkeys(map(Path, inputs)))
    names = unique_names([(path.name, str(path.absolute())) for path in paths])
    samples = []
    for name, path in zip(names, paths, strict=True):
        video = Video(path)
        samples += [video_sample(video, f"{name}/{index:06d}", index) for index in video.select(every, start, end)]
    return samples


def frame_times(samples: Sequence[Sample]) -> np.ndarray:
    """When frames were taken, (N,) float64: a video's seconds, the numbers that files are called by, or 0, 1, 2, ..."""
    if all(isinstance(sample, VideoSample) for sample in samples):
        return np.array([sample.seconds for sample in samples if isinstance(sample, VideoSample)], np.float64)
    try:
        times = np.array([float(Path(sample.name).name) for sample in samples], np.float64)
    except ValueError:
        return np.arange(len(samples), dtype=np.float64)
    rising = np.isfinite(times).all() and (np.diff(times) > 0).all()
    return times if rising else np.arange(len(samples), dtype=np.float64)
