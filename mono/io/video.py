"""Videos: frames decoded on demand, with their times and one camera."""

from __future__ import annotations

import bisect
import itertools
import logging
import math
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mono.io.file_kinds import require_file
from mono.io.images import MIN_SIDE
from mono.io.video_container import (
    VideoError,
    decoded_packets,
    display_turn,
    explained,
    import_av,
    open_stream,
    read_video_exif,
)
from mono.io.video_damage import judged_frames
from mono.io.video_listing import list_frames

__all__ = ["VIDEO_SUFFIXES", "Video", "VideoError", "import_av", "is_video"]

logger = logging.getLogger(__name__)

VIDEO_SUFFIXES = frozenset(
    {
        *(".264", ".265", ".3g2", ".3gp", ".amv", ".asf", ".avc", ".avi", ".divx", ".dv", ".f4v", ".flv"),
        *(".gxf", ".h264", ".h265", ".hevc", ".ivf", ".m1v", ".m2p", ".m2t", ".m2ts", ".m2v", ".m4v", ".mj2"),
        *(".mjpeg", ".mjpg", ".mk3d", ".mkv", ".mod", ".mov", ".mp2v", ".mp4", ".mp4v", ".mpe", ".mpeg", ".mpg"),
        *(".mpv", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".tod", ".trp", ".ts"),
        *(".vob", ".vro", ".webm", ".wmv", ".wtv", ".y4m"),
    }
)
_MAX_PIXELS = 1 << 26  # 67 megapixels
_RECENT = 16  # decoded frames kept for threads that come a little late
_RECENT_BYTES = 1 << 28  # bound on their size


def is_video(path: str | Path) -> bool:
    """Check that a file has a video's suffix.

    Args:
        path: file, which need not exist.

    Returns:
        True for the suffixes in `VIDEO_SUFFIXES`.
    """
    return Path(path).suffix.lower() in VIDEO_SUFFIXES


class Video:
    """Opened video, whose frames are counted from 0 in display order.

    A few frames are held at a time, whatever the video's length. Frames requested about in order are decoded once;
    going back, or far ahead, starts at the preceding key frame. Threads may share a video.

    Attributes:
        path: video file.
        times: (N,) float64 display times, relative to the first frame [s].
        width: width of the upright frames with square pixels [px].
        height: height of the upright frames with square pixels [px].
        exif: focal length and projection stated in the file; None if there are none.
    """

    def __init__(self, path: str | Path) -> None:
        """Open a video and list its frames, decoding only the first where the file tells display times.

        Args:
            path: video file.

        Raises:
            VideoError: the file is missing, empty, not a video, or cut short before its first frame; or PyAV is
                missing.
        """
        import_av()
        self.path = Path(path)
        require_file(self.path, "a video", VideoError)
        if self.path.stat().st_size == 0:
            raise VideoError(f"{path}: is empty (0 bytes); copy or download it again")
        with explained(self.path):
            self._container, self._stream = open_stream(self.path)
        self._frames: Iterator[tuple[int, Any, bool]] = iter(())
        self._recent: deque[tuple[int, Any]] = deque(maxlen=_RECENT)
        self._lock = threading.Lock()
        self._is_damaged = False  # the decoder has met damage
        try:
            with explained(self.path):
                self.times, self._timed = list_frames(self.path, self._container, self._stream)
                self._restart(None)
                first, frame, damaged = next(self._frames, (0, None, True))
                if frame is None:
                    raise VideoError(f"{path}: no frame can be decoded; it is damaged, copy or download it again")
                self._take_shape(frame)
                self._next, self._last = first + 1, (-1 if damaged else first, self._upright(frame))
        except BaseException:
            self.close()
            raise
        self.exif = read_video_exif([self._container.metadata, self._stream.metadata], frame)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.times)

    def __str__(self) -> str:
        """Return the identity of the video in cache keys, beside its date and size."""
        return f"video {self.path}"

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    @property
    def rate(self) -> float:
        """Return the mean frame rate [Hz], or 0."""
        length = float(self.times[-1]) if len(self) > 1 else 0.0
        return (len(self) - 1) / length if length > 0 else 0.0

    def frame(self, index: int) -> np.ndarray:
        """Decode a frame.

        Args:
            index: number of the frame, from 0.

        Returns:
            (H, W, 3) uint8 RGB, upright.

        Raises:
            VideoError: the index is out of range, or the frame is damaged.
        """
        if not 0 <= index < len(self):
            raise VideoError(f"{self.path}: has no frame {index}; it has {len(self)}, counted from 0")
        with self._lock, explained(self.path):
            if self._last[0] != index and (frame := self._decoded(index)) is not None:
                self._last = (index, self._upright(frame))
            if self._last[0] == index:
                return self._last[1]
        raise VideoError(
            f"{self.path}: frame {index} ({self.times[index]:.3f} s) is damaged, or is predicted from a damaged frame; "
            "copy or download the video again"
        )

    def _decoded(self, index: int) -> Any:
        """Decode a frame as stored; None if damaged."""
        for found, frame in self._recent:
            if found == index:
                return frame
        self._go_to(index)
        for found, frame, damaged in self._frames:
            self._next = found + 1
            if not damaged:
                self._recent.append((found, frame))
                while len(self._recent) > 1 and len(self._recent) * frame.width * frame.height * 2 > _RECENT_BYTES:
                    self._recent.popleft()
            if found >= index:
                # The decoder leaves out damaged frames: a later one comes instead.
                return frame if found == index and not damaged else None
        return None

    def select(self, every: int = 1, start: float = 0.0, end: float | None = None) -> list[int]:
        """Select every n-th frame of an interval.

        Args:
            every: step between frames.
            start: begin of the interval, relative to the first frame [s].
            end: end of the interval, included [s]; None: the last frame.

        Returns:
            Numbers of the frames.

        Raises:
            VideoError: an argument is out of range, or the interval holds no frame.
        """
        if every < 1:
            raise VideoError(f"every is {every}; it must be 1 (every frame) or more")
        if not (math.isfinite(start) and start >= 0):
            raise VideoError(f"start is {start} s; it must be 0 or more")
        if end is not None and not end >= start:
            raise VideoError(f"end is {end} s, before the start at {start:g} s")
        # Rounded times, as tools show them, must not lose their frame.
        first = int(np.searchsorted(self.times, start - 5e-4))
        last = len(self) if end is None else int(np.searchsorted(self.times, end + 5e-4, side="right"))
        if first >= last:
            raise VideoError(
                f"{self.path}: no frame lies between {start:g} s and {self.times[-1] if end is None else end:g} s; "
                f"the video has {len(self)} frames and is {self.times[-1]:.2f} s long"
            )
        return list(range(first, last, every))

    def _take_shape(self, frame: Any) -> None:
        ratio = self._stream.sample_aspect_ratio
        self._size = (round(frame.width * float(ratio)) if ratio else frame.width, frame.height)
        self._is_mirrored, self._quarters = display_turn(frame)
        self.width, self.height = self._size if self._quarters % 2 == 0 else self._size[::-1]
        if min(self._size) < MIN_SIDE or self.width * self.height > _MAX_PIXELS:
            raise VideoError(
                f"{self.path}: is {self.width}x{self.height} pixels; at least {MIN_SIDE} on a side and at most 67 "
                "megapixels are needed"
            )

    def _upright(self, frame: Any) -> np.ndarray:
        # Streams may change their size midway; the camera is that of the first frame.
        rgb = frame.reformat(width=self._size[0], height=self._size[1], format="rgb24").to_ndarray()
        return np.ascontiguousarray(np.rot90(rgb[:, ::-1] if self._is_mirrored else rgb, self._quarters))

    def _go_to(self, index: int) -> None:
        """Move the decoder to `index` or before it, with as little to decode as possible."""
        if (timed := self._timed) is None:
            if index < self._next:
                self._restart(None)
            return
        key = bisect.bisect_right(timed.seekable, index)
        before = timed.seekable[key - 1] if key else 0
        if before <= self._next <= index:
            return
        self._restart(timed.stamps[before] if key else None)
        first = next(self._frames, None)
        if first is None or first[0] > index:  # in some containers a seek lands behind its target
            self._restart(None)
        else:
            self._frames = itertools.chain([first], self._frames)

    def _restart(self, stamp: int | None) -> None:
        """Start decoding at the key frame at or before `stamp`; None: at the beginning."""
        if stamp is None or self._is_damaged:  # a decoder that has seen damage keeps traces of it, also after a seek
            self._container.close()
            self._container, self._stream = open_stream(self.path)
            self._is_damaged = False
        if stamp is not None:
            self._container.seek(stamp, stream=self._stream)
        self._next = 0 if stamp is None or self._timed is None else self._timed.places[stamp]
        self._frames = self._decode(self._next)

    def _decode(self, start: int) -> Iterator[tuple[int, Any, bool]]:
        """Yield (index, frame, is damaged) from `start` on, without frames that cannot be decoded."""
        packets = decoded_packets(self._container, self._stream)
        if self._timed is None:
            counted = zip(range(len(self)), packets, strict=False)  # a packet that cannot be decoded counts, too
            yield from ((i, frame, frame.is_corrupt) for i, (_, frame) in counted if frame is not None)
            return
        places = self._timed.places
        numbered = ((len(self) if stamp is None else places.get(stamp, len(self)), frame) for stamp, frame in packets)
        for index, frame, damaged in judged_frames(numbered, self._timed.order):
            self._is_damaged |= damaged
            if index >= start:  # frames shown before a key frame need the one before it
                yield index, frame, damaged
