"""Feature tracking and keyframes of visual odometry."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from mono.calibration.sampling import depth_at
from mono.data.camera_source import ResolvedCamera
from mono.data.sample import Sample
from mono.slam.reconstruction.vo_segments import Keyframe, LostError, OpenSegment, VoOptions
from mono.slam.scale.depth_sources import DepthSource

logger = logging.getLogger(__name__)

_EDGE = 0.1  # relative depth jump beside which a point's depth is unreliable
_KEPT_POINTS = 200  # points of a keyframe kept for the map


class Tracker:
    """Tracks features through frames, and makes keyframes and segments."""

    def __init__(self, found: ResolvedCamera, depth: DepthSource, options: VoOptions) -> None:
        """Start without frames."""
        camera = found.camera
        self.found, self.camera, self.depth, self.options = found, camera, depth, options
        self.matrix = camera.matrix
        self.allowed = max(2.0, 0.003 * camera.width)  # [px] of reprojection
        self.segments: list[OpenSegment] = []
        self._last: np.ndarray | None = None  # gray
        self._ids, self._pixels = np.empty(0, np.int64), np.empty((0, 2), np.float32)
        self._next_id = 0
        self._in_keyframe = np.eye(4)  # pose of the last frame in its keyframe's frame

    def add(self, place: int, sample: Sample, rgb: np.ndarray) -> None:
        """Process the next frame.

        Args:
            place: index of the frame.
            sample: the frame.
            rgb: its image, (H, W, 3) uint8.
        """
        import cv2

        gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        last, self._last = self._last, gray
        if last is None:
            self._begin(place, sample, rgb, gray)
            return
        self._follow(last, gray)
        segment = self.segments[-1]
        keyframe = segment.keyframes[-1]
        try:
            pose, agreeing = self._pose(keyframe, self._ids, self._pixels, guess=self._in_keyframe)
        except LostError as error:
            logger.warning("frame %d: %s: the path breaks off here and begins anew", place, error)
            self._begin(place, sample, rgb, gray)
            return
        known = np.isin(self._ids, keyframe.ids)
        kept = ~known | np.isin(self._ids, agreeing)
        self._ids, self._pixels = self._ids[kept], self._pixels[kept]
        self._in_keyframe = pose
        _, ours, theirs = np.intersect1d(self._ids, keyframe.ids, return_indices=True)
        flow = np.median(np.linalg.norm(self._pixels[ours] - keyframe.pixels[theirs], axis=1))
        share = len(ours) / max(1, len(keyframe.ids))
        if share < self.options.keyframe_share or flow > self.options.keyframe_flow * self.camera.width:
            guess = segment.guesses[-1] @ pose
            self._make_keyframe(place, sample, rgb, gray, guess)
        else:
            segment.frames.append((place, len(segment.places) - 1, pose))

    def _begin(self, place: int, sample: Sample, rgb: np.ndarray, gray: np.ndarray) -> None:
        self.segments.append(OpenSegment())
        self._ids, self._pixels = np.empty(0, np.int64), np.empty((0, 2), np.float32)
        self._make_keyframe(place, sample, rgb, gray, np.eye(4))

    def _make_keyframe(self, place: int, sample: Sample, rgb: np.ndarray, gray: np.ndarray, guess: np.ndarray) -> None:
        """Make a keyframe: detect features, give them depth, tie it to earlier ones."""
        self._detect(gray)
        depth = self.depth.depth(sample, self.found, rgb)
        z = depth_at(depth, self._pixels.astype(np.float64), _EDGE)
        has = np.isfinite(z)
        rays = (self._pixels[has] - [self.camera.cx, self.camera.cy]) / [self.camera.fx, self.camera.fy]
        points = np.concatenate([rays, np.ones((len(rays), 1))], axis=1) * z[has, None]
        keyframe = Keyframe(place, self._ids[has], self._pixels[has].copy(), points)
        segment = self.segments[-1]
        number = len(segment.places)
        segment.places.append(place)
        segment.guesses.append(guess)
        segment.frames.append((place, number, np.eye(4)))
        for back, earlier in enumerate(reversed(segment.keyframes), 1):
            self._tie(segment, number - back, earlier, number, keyframe)
        if number and not any(tie[1] == number for tie in segment.ties):
            # Both directions fail; the frame's own pose is the only tie.
            relative = np.linalg.inv(segment.guesses[number - 1]) @ guess
            segment.ties.append((number - 1, number, relative, float(np.median(points[:, 2])) if len(points) else 1.0))
        segment.keyframes = [*segment.keyframes, keyframe][-self.options.window :]
        chosen = np.unique(np.linspace(0, max(0, len(points) - 1), _KEPT_POINTS).astype(int))[: len(points)]
        at = np.rint(keyframe.pixels[chosen]).astype(int)
        colors = rgb[at[:, 1].clip(0, rgb.shape[0] - 1), at[:, 0].clip(0, rgb.shape[1] - 1)]
        segment.clouds.append((points[chosen].astype(np.float32), colors))
        self._in_keyframe = np.eye(4)

    def _tie(self, segment: OpenSegment, i: int, earlier: Keyframe, j: int, later: Keyframe) -> None:
        """Add the relative pose of two keyframes, by the depth of each."""
        steps = []
        for by, seen, turned in ((earlier, later, False), (later, earlier, True)):
            try:
                pose, _ = self._pose(by, seen.ids, seen.pixels)
            except LostError:
                continue
            pose = np.linalg.inv(pose) if turned else pose
            steps.append(pose)
            segment.ties.append((i, j, pose, float(np.median(by.points[:, 2]))))
        if len(steps) == 2:
            lengths = [float(np.linalg.norm(pose[:3, 3])) for pose in steps]
            if min(lengths) > 0.005 * float(np.median(later.points[:, 2])):
                segment.ratios.append(float(np.log(lengths[0] / lengths[1])))

    def _follow(self, last: np.ndarray, gray: np.ndarray) -> None:
        """Track the features to this frame, and drop those that fail the way back."""
        if not len(self._ids):
            return
        moved, found, _ = self._flow(last, gray, self._pixels)
        back, returned, _ = self._flow(gray, last, moved)
        height, width = gray.shape
        kept = (found[:, 0] == 1) & (returned[:, 0] == 1) & (np.linalg.norm(back - self._pixels, axis=1) < 1)
        kept &= (moved >= 0).all(axis=1) & (moved[:, 0] <= width - 1) & (moved[:, 1] <= height - 1)
        self._ids, self._pixels = self._ids[kept], moved[kept]

    @staticmethod
    def _flow(last: np.ndarray, gray: np.ndarray, pixels: np.ndarray) -> Any:
        import cv2

        flow: Any = cv2.calcOpticalFlowPyrLK  # its annotations know no next points but given ones
        return flow(last, gray, pixels, None, winSize=(21, 21), maxLevel=4)

    def _detect(self, gray: np.ndarray) -> None:
        import cv2

        free = np.full(gray.shape, 255, np.uint8)
        apart = max(5, round(np.sqrt(gray.size / self.options.max_features) * 0.5))
        for x, y in self._pixels:
            cv2.circle(free, (round(float(x)), round(float(y))), apart, 0, -1)
        wanted = self.options.max_features - len(self._ids)
        if wanted < 1:
            return
        found = cv2.goodFeaturesToTrack(gray, wanted, 0.003, apart, mask=free)
        if found is None:
            return
        ids = np.arange(self._next_id, self._next_id + len(found))
        self._next_id += len(found)
        self._ids = np.concatenate([self._ids, ids])
        self._pixels = np.concatenate([self._pixels, found[:, 0].astype(np.float32)])

    def _pose(
        self, keyframe: Keyframe, ids: np.ndarray, pixels: np.ndarray, guess: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pose in the keyframe's frame of the camera that sees features there, and the ids that agree with it."""
        import cv2

        common, ours, theirs = np.intersect1d(keyframe.ids, ids, return_indices=True)
        least = self.options.min_inliers
        if len(common) < least:
            raise LostError(f"only {len(common)} features of the last keyframe are left, {least} are needed")
        points, seen = keyframe.points[ours], pixels[theirs].astype(np.float64)
        start = np.linalg.inv(np.eye(4) if guess is None else guess)
        turn: Any = cv2.Rodrigues(start[:3, :3])[0]
        shift: Any = start[:3, 3:].copy()
        done, turn, shift, agree = cv2.solvePnPRansac(
            points, seen, self.matrix, None, turn, shift, True, 200, self.allowed, 0.999
        )
        if not done or agree is None or len(agree) < least:
            count = 0 if agree is None else len(agree)
            raise LostError(f"only {count} of {len(common)} features agree on a pose, {least} are needed")
        rows = agree[:, 0]
        turn, shift = cv2.solvePnPRefineLM(points[rows], seen[rows], self.matrix, None, turn, shift)
        into = np.eye(4)
        into[:3, :3], into[:3, 3:] = cv2.Rodrigues(turn)[0], shift
        return np.linalg.inv(into), common[rows]
