"""Damage of videos: which frames are predicted from one that cannot be decoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any


class FrameOrder:
    """Order in which the frames of a video are decoded, and thus may be predicted from each other.

    A group is a key frame and all that follow it in the file. Its leading frames are shown before the key frame: they
    may be predicted from the group before, and no other frame is predicted from them.

    Attributes:
        awaited: for each frame, the last one in display order among those that it may be predicted from.
    """

    def __init__(self, decoded: Sequence[int], keys: Sequence[int]) -> None:
        """Find the groups.

        Args:
            decoded: numbers of the frames in the order of the file.
            keys: numbers of the key frames.
        """
        count, is_key = len(decoded), set(keys)
        self._place, self._group, self._leads = [0] * count, [0] * count, [False] * count
        self.awaited = [0] * count
        group, key, before, last = 0, -1, -1, -1
        for place, frame in enumerate(decoded):
            if frame in is_key:
                group, key, before, last = group + 1, frame, last, -1
            last = max(last, frame)
            self._place[frame], self._group[frame], self._leads[frame] = place, group, frame < key
            self.awaited[frame] = max(last, before) if frame < key else last

    def harm(self, frame: int, harms: dict[tuple[int, bool], int]) -> None:
        """Note a frame that cannot be decoded.

        Args:
            frame: number of the frame.
            harms: first damaged place in the file by group, and by whether the frame there leads; changed.
        """
        key = self._group[frame], self._leads[frame]
        harms[key] = min(self._place[frame], harms.get(key, len(self._place)))

    def is_harmed(self, frame: int, harms: dict[tuple[int, bool], int]) -> bool:
        """Tell if a frame is damaged or may be predicted from a damaged one.

        Args:
            frame: number of the frame.
            harms: as for `harm`.
        """
        group, place, none = self._group[frame], self._place[frame], len(self._place)
        if harms.get((group, False), none) <= place:
            return True
        return self._leads[frame] and (harms.get((group, True), none) <= place or (group - 1, False) in harms)


def judged_frames(decoded: Iterable[tuple[int, Any]], order: FrameOrder) -> Iterator[tuple[int, Any, bool]]:
    """Tell which frames are damaged, also by those that they are predicted from.

    Args:
        decoded: numbers and PyAV frames in display order; None in place of a frame that cannot be decoded. Numbers of
            `len(order.awaited)` and above are passed over.
        order: order of the video's frames.

    Yields:
        number, frame, and whether it is damaged, in display order.
    """
    harms: dict[tuple[int, bool], int] = {}
    held: deque[tuple[int, Any]] = deque()  # frames that may be predicted from one that is still to come
    for index, frame in decoded:
        if index >= len(order.awaited):
            continue
        if frame is None or frame.is_corrupt:
            order.harm(index, harms)
        if frame is None:
            continue
        held.append((index, frame))
        while held and order.awaited[held[0][0]] <= index:
            first, shown = held.popleft()
            yield first, shown, order.is_harmed(first, harms)
    yield from ((index, frame, order.is_harmed(index, harms)) for index, frame in held)
