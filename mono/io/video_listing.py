"""Frames of a video: listed from its packets, with their times."""

from __future__ import annotations

import bisect
import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mono.io.video_container import VideoError, decoded_packets, import_av, is_cut_short, open_stream
from mono.io.video_damage import FrameOrder

logger = logging.getLogger(__name__)

_CHECKED = 100  # frames decoded to see whether time stamps follow the display


@dataclass(frozen=True)
class TimedFrames:
    """Time stamps by which decoded frames are told apart.

    Attributes:
        stamps: time stamps in display order, each different; mostly rising.
        places: number of the frame of each stamp.
        seekable: numbers of the key frames that can be sought, increasing.
        order: order in which the frames are decoded.
    """

    stamps: list[int]
    places: dict[int, int]
    seekable: list[int]
    order: FrameOrder


def list_frames(path: Path, container: Any, stream: Any) -> tuple[np.ndarray, TimedFrames | None]:
    """List the frames of a video by its packets.

    They are decoded only where their time stamps are no display times.

    Args:
        path: video file, for messages.
        container: PyAV container at its beginning.
        stream: its video stream.

    Returns:
        Display times relative to the first frame (N,) [s], and time stamps; None where frames have none of their own,
        so that decoded frames must be counted.

    Raises:
        VideoError: the file holds no frame, or neither time stamps nor a frame rate.
    """
    packets, discarded = [], 0
    try:
        for packet in container.demux(stream):
            if packet.is_discard:  # outside the edit list
                discarded += 1
            elif packet.size:
                packets.append((packet.pts, packet.dts, packet.is_keyframe))
    except import_av().FFmpegError as error:
        logger.debug("packets of %s", path, exc_info=error)
        logger.warning("%s: is damaged; what comes before the damage is used", path)
    if not packets:
        raise VideoError(f"{path}: holds no frame; it is cut short, copy or download it again")
    stamps = [pts for pts, _, _ in packets if pts is not None]
    back = _clock_jump([dts for _, dts, _ in packets if dts is not None])
    frames: TimedFrames | None = None
    if len(set(stamps)) < len(packets) or back is not None:
        times = _even_times(path, stream, len(packets), has_stamps=2 * len(stamps) > len(packets), back=back)
    else:
        ordered = sorted(stamps)
        times = (np.array(ordered, np.float64) - ordered[0]) * float(stream.time_base)
        keys = [pts for pts, _, is_key in packets if is_key]
        shown = _shown_order(path, stream, stamps)
        seekable = not shown and container.format.name != "asf"  # else packets may get other stamps behind a seek
        frames = _timed_frames(stamps, keys, shown or ordered, seekable)
    found = len(packets) + discarded
    _warn_if_cut(path, container, stream, times, found)
    return times, frames


def _even_times(path: Path, stream: Any, count: int, has_stamps: bool, back: int | None) -> np.ndarray:
    """Space frames evenly that have no times of their own, as those of raw H.264 or joined recordings."""
    if back is not None:
        message = "%s: its clock goes back at frame %d, as in joined recordings; all frames are taken as evenly spaced"
        logger.warning(message, path, back)
    elif has_stamps:
        logger.warning("%s: some frames have no time stamp of their own; all are taken as evenly spaced", path)
    rate = stream.average_rate or stream.guessed_rate
    if not rate:
        raise VideoError(f"{path}: has neither time stamps nor a frame rate; convert it to MP4 first")
    return np.arange(count) / float(rate)


def _clock_jump(clock: Sequence[int]) -> int | None:
    """Find where decoding times go back for good; None if they do not.

    A single wrong time, as damage makes it, is passed over: times go on behind it as they did before.
    """
    for i in range(1, len(clock)):
        if clock[i] < clock[i - 1]:
            before, after = clock[max(i - 2, 0)], clock[min(i + 1, len(clock) - 1)]
            if (clock[i] < before) == (after < clock[i - 1]):
                return i
    return None


def _shown_order(path: Path, stream: Any, stamps: Sequence[int]) -> list[int]:
    """Decode the order in which frames are shown, without damaged ones; empty where time stamps tell it.

    AVI, ASF and some MXF files store no display times: FFmpeg numbers their packets, also where the codec reorders
    frames. These are decoded once.
    """
    if not stream.codec_context.has_b_frames or any(b < a for a, b in itertools.pairwise(stamps)):
        return []
    container, stream = open_stream(path)
    shown: list[int] = []
    try:
        stream.codec_context.options = {"skip_loop_filter": "all"}  # faster
        for stamp, frame in decoded_packets(container, stream):
            if frame is not None and stamp is not None:
                shown.append(stamp)
            if len(shown) == _CHECKED and shown == sorted(shown):
                return []
    finally:
        container.close()
    if shown == sorted(shown):
        return []
    known = set(stamps)
    return [stamp for stamp in dict.fromkeys(shown) if stamp in known]


def _timed_frames(stamps: Sequence[int], keys: Sequence[int], shown: list[int], seekable: bool) -> TimedFrames:
    """Number frames in the order of display.

    Args:
        stamps: time stamps in the order of the file.
        keys: those of the key frames, in the order of the file.
        shown: stamps in display order.
        seekable: key frames can be sought.
    """
    decoded, lost, key_stamps = list(stamps), sorted(set(stamps) - set(shown)), set(keys)
    for stamp in lost:
        shown.insert(next((i for i, other in enumerate(shown) if other > stamp), len(shown)), stamp)
    if lost:  # where they would be shown is unknown, and thus the numbers of their group: make it depend on them
        decoded.sort(key=lambda s: (bisect.bisect_right(keys, s), s not in key_stamps, s not in lost, s))
    places = {stamp: i for i, stamp in enumerate(shown)}
    key_frames = sorted(places[key] for key in keys)
    order = FrameOrder([places[stamp] for stamp in decoded], key_frames)
    return TimedFrames(shown, places, key_frames if seekable else [], order)


def _warn_if_cut(path: Path, container: Any, stream: Any, times: np.ndarray, found: int) -> None:
    """Warn of a file that ends too early."""
    announced = stream.frames
    if "mp4" in container.format.name:  # its index leaves out what lies behind the edit list
        announced = min(announced, len(getattr(stream, "index_entries", ())) or announced)
    if container.format.name == "avi" and not is_cut_short(path):  # announces frames that repeat the one before, too
        return
    if found < announced:
        message = "%s: holds %d of the %d frames that it announces: it is cut short"
        logger.warning(message, path, found, announced)
    elif not announced and is_cut_short(path):
        message = "%s: is cut short: its file ends at %.2f s of the %.2f s that it announces"
        logger.warning(message, path, times[-1], (container.duration or 0) / 1e6)
