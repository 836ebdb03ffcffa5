"""Frames of videos as samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mono.data.sample import Sample, UnreadableSample, unique_names
from mono.io.images import Photo
from mono.io.video import Video, VideoError


@dataclass(frozen=True)
class VideoSample(Sample):
    """Frame of a video, decoded when it is read.

    Attributes `rgb` and `source` of the base class are the video file, and the file with the frame number.

    Attributes:
        video: open video, shared by all its samples.
        index: frame number, from 0.
        seconds: presentation time after the first frame [s].
    """

    video: Video = field(kw_only=True)
    index: int = 0
    seconds: float = 0.0

    def read(self) -> Photo:
        """Decode the frame.

        Raises:
            VideoError: the frame is damaged.
        """
        return Photo(self.video.frame(self.index), self.video.exif)


def video_sample(video: Video, name: str, index: int) -> VideoSample:
    """Create the sample of a frame.

    Args:
        video: open video.
        name: name of the sample.
        index: frame number, from 0.
    """
    source = f"{video.path}:{index:06d}"
    return VideoSample(name, video.path, source, video=video, index=index, seconds=float(video.times[index]))


def find_frames(
    inputs: Sequence[str | Path], every: int = 1, start: float = 0.0, end: float | None = None
) -> list[VideoSample]:
    """List the frames of videos as samples.

    Samples are named by video and frame number ("clip/000012").

    Args:
        inputs: video files.
        every: step between frames; see `Video.select`.
        start: first time [s].
        end: last time [s]; None: the end.

    Raises:
        VideoError: a video cannot be opened, or has no such frame.
    """
    frames, damaged = find_readable_frames(inputs, every, start, end)
    if damaged:
        raise damaged[0].error
    return frames


def find_readable_frames(
    inputs: Sequence[str | Path], every: int = 1, start: float = 0.0, end: float | None = None
) -> tuple[list[VideoSample], list[UnreadableSample]]:
    """List the frames of videos, and the damaged videos.

    Args:
        inputs: video files.
        every: step between frames; see `Video.select`.
        start: first time [s].
        end: last time [s]; None: the end.

    Returns:
        samples of frames, and for each video that cannot be used a sample that fails when it is read.
    """
    paths = list(dict.fromkeys(map(Path, inputs)))
    names = unique_names([(path.name, str(path.absolute())) for path in paths])
    frames: list[VideoSample] = []
    damaged: list[UnreadableSample] = []
    for name, path in zip(names, paths, strict=True):
        try:
            video = Video(path)
            frames += [video_sample(video, f"{name}/{index:06d}", index) for index in video.select(every, start, end)]
        except VideoError as error:
            damaged.append(UnreadableSample(name, path, str(path), error=error))
        except OSError as error:
            reason = VideoError(f"{path}: cannot be read: {error.strerror or error}")
            damaged.append(UnreadableSample(name, path, str(path), error=reason))
    return frames, damaged


def frame_times(samples: Sequence[Sample]) -> np.ndarray:
    """Return the times of frames.

    Args:
        samples: frames in order.

    Returns:
        (N,) float64: seconds of a video, else the numbers in file names if they rise, else 0, 1, 2, ...
    """
    if all(isinstance(sample, VideoSample) for sample in samples):
        return np.array([sample.seconds for sample in samples if isinstance(sample, VideoSample)], np.float64)
    try:
        times = np.array([float(Path(sample.name).name) for sample in samples], np.float64)
    except ValueError:
        return np.arange(len(samples), dtype=np.float64)
    rising = np.isfinite(times).all() and (np.diff(times) > 0).all()
    return times if rising else np.arange(len(samples), dtype=np.float64)
