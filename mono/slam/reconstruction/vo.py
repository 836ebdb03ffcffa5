"""Visual odometry for long videos: features tracked from frame to frame, poses from depth at keyframes, a pose graph.

Points get their depth at a keyframe, so the path is metric from the start. Every keyframe is tied to the few before it
in both directions, by its own depth and by theirs, and gtsam finds the poses that agree best with all of these. The
path follows the depth's errors where it goes: where images can be matched by COLMAP, `mono.slam.reconstruction.sfm`
bends it less.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.slam.scale.estimate import depth_at
from mono.system.errors import MetricDepthError

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]

_EDGE = 0.1  # relative depth jumps beside which a point's depth is not to be trusted
_PIXEL_NOISE = 0.7  # [px] of a tracked feature
_DEPTH_NOISE = 0.05  # of a keyframe's depth as a whole, relative: what steps scale with
_KEPT_POINTS = 200  # of a keyframe, for the map


class VoError(MetricDepthError):
    """No path can be tracked. The message says why and what to do."""


@dataclass(frozen=True)
class VoOptions:
    """How features are tracked, and when a keyframe is made.

    Attributes:
        max_features: tracked at once.
        min_inliers: features that must agree on a pose; with fewer, the path breaks off and begins anew.
        keyframe_share: of a keyframe's features that must be left; below, a new keyframe is made.
        keyframe_flow: median way of the features since the keyframe, as a share of the picture's width, that makes one.
        window: how many keyframes before it a keyframe is tied to.

    Raises:
        VoError: a value is out of range.
    """

    max_features: int = 800
    min_inliers: int = 25
    keyframe_share: float = 0.6
    keyframe_flow: float = 0.06
    window: int = 3

    def __post_init__(self) -> None:
        if self.min_inliers < 6 or self.max_features < 2 * self.min_inliers or self.window < 1:
            raise VoError(f"{self}: min_inliers must be at least 6, max_features twice that, and window at least 1")
        if not (0 < self.keyframe_share < 1 and 0 < self.keyframe_flow < 1):
            raise VoError(f"{self}: keyframe_share and keyframe_flow must lie between 0 and 1")


@dataclass(frozen=True)
class VoSegment:
    """A stretch that was tracked without a break.

    Attributes:
        frames: (N,) places in the list of samples.
        poses: (N, 4, 4) camera to world [m]; the world is that of the first camera.
        keyframes: places in the list of samples.
        log_ratios: for each pair of keyframes that are tied, log of the step's length by the earlier one's depth over
            that by the later one's: how well depth maps agree.
        points, colors: (M, 3) float32 [m] in the world, (M, 3) uint8.
    """

    frames: np.ndarray
    poses: np.ndarray
    keyframes: tuple[int, ...]
    log_ratios: np.ndarray
    points: np.ndarray
    colors: np.ndarray


@dataclass
class _Keyframe:
    """A keyframe: features by id, where they are seen, and their points in its camera's frame."""

    place: int
    ids: np.ndarray
    pixels: np.ndarray
    points: np.ndarray


@dataclass
class _Open:
    """A segment while it grows."""

    keyframes: list[_Keyframe] = field(default_factory=list)  # the last few
    places: list[int] = field(default_factory=list)  # of all keyframes
    guesses: list[np.ndarray] = field(default_factory=list)  # their poses, from step to step
    ties: list[tuple[int, int, np.ndarray, float]] = field(default_factory=list)  # i, j, j in i's frame, depth [m]
    ratios: list[float] = field(default_factory=list)
    frames: list[tuple[int, int, np.ndarray]] = field(default_factory=list)  # place, keyframe, pose in its frame
    clouds: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)  # of each keyframe, in its frame


class _Lost(Exception):
    """Too few features agree on a pose."""


def track(
    samples: Sequence[Sample],
    camera: Camera,
    depth_of: Callable[[np.ndarray], np.ndarray],
    options: VoOptions | None = None,
    on_step: Progress = lambda stage, done, total: None,
) -> tuple[tuple[VoSegment, ...], tuple[tuple[str, str], ...]]:
    """Tracks a camera through a video. Two frames and a few keyframes are held at a time, whatever its length.

    Args:
        samples: the frames in order of time. Those that cannot be read, or are of another size than the camera's, are
            left out and named.
        camera: of all frames, which are expected to be undistorted.
        depth_of: gives depth [m], (height, width) float32, 0 where there is none, of an (height, width, 3) uint8 frame;
            called for keyframes only.
        options: how.
        on_step: for a progress bar.

    Returns:
        The segments, that with the most frames first, and (source, reason) of the frames that could not be read.

    Raises:
        VoError: gtsam is missing, or no two frames can be tied together.
    """
    gtsam = import_gtsam()
    options = options or VoOptions()
    tracker = _Tracker(camera, depth_of, options)
    unread = []
    for place, sample in enumerate(samples):
        try:
            tracker.add(place, _frame(sample, camera))
        except ValueError as error:
            logger.warning("%s", error)
            unread.append((sample.source, str(error)))
        on_step("tracking", place + 1, len(samples))
    on_step("pose graph", 0, 1)
    segments = [_closed(gtsam, segment, camera.focal) for segment in tracker.segments if len(segment.frames) > 1]
    on_step("pose graph", 1, 1)
    if not segments:
        raise VoError(
            f"no two of {len(samples)} frames can be tied together: too little can be tracked between them. Give "
            "frames that are closer in time (a smaller --every), in the order they were taken"
        )
    return tuple(sorted(segments, key=lambda segment: -len(segment.frames))), tuple(unread)


def import_gtsam() -> ModuleType:
    """gtsam; raises VoError where it is not installed."""
    try:
        import gtsam
    except (ImportError, OSError) as error:
        raise VoError(
            f"visual odometry needs gtsam ({error}): pip install 'metricdepth[slam]' (the package gtsam)"
        ) from error
    return gtsam


def _frame(sample: Sample, camera: Camera) -> np.ndarray:
    rgb = sample.read().rgb
    if rgb.shape[:2] != (camera.height, camera.width):
        raise MetricDepthError(
            f"{sample.source}: is {rgb.shape[1]}x{rgb.shape[0]} and the first frame {camera.width}x{camera.height}: "
            "it is left out, as all must be of one camera"
        )
    return rgb


class _Tracker:
    """Follows features through the frames it is given, and makes keyframes and segments."""

    def __init__(self, camera: Camera, depth_of: Callable[[np.ndarray], np.ndarray], options: VoOptions) -> None:
        self.camera, self.depth_of, self.options = camera, depth_of, options
        self.matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
        self.allowed = max(2.0, 0.003 * camera.width)  # [px] of reprojection
        self.segments: list[_Open] = []
        self._last: np.ndarray | None = None  # grey
        self._ids, self._pixels = np.empty(0, np.int64), np.empty((0, 2), np.float32)
        self._next_id = 0
        self._in_keyframe = np.eye(4)  # pose of the last frame in its keyframe's frame

    def add(self, place: int, rgb: np.ndarray) -> None:
        """Takes the next frame."""
        import cv2

        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        last, self._last = self._last, grey
        if last is None:
            self._begin(place, rgb, grey)
            return
        self._follow(last, grey)
        segment = self.segments[-1]
        keyframe = segment.keyframes[-1]
        try:
            pose, agreeing = self._pose(keyframe, self._ids, self._pixels, guess=self._in_keyframe)
        except _Lost as error:
            logger.warning("frame %d: %s: the path breaks off here and begins anew", place, error)
            self._begin(place, rgb, grey)
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
            self._make_keyframe(place, rgb, grey, guess)
        else:
            segment.frames.append((place, len(segment.places) - 1, pose))

    def _begin(self, place: int, rgb: np.ndarray, grey: np.ndarray) -> None:
        self.segments.append(_Open())
        self._ids, self._pixels = np.empty(0, np.int64), np.empty((0, 2), np.float32)
        self._make_keyframe(place, rgb, grey, np.eye(4))

    def _make_keyframe(self, place: int, rgb: np.ndarray, grey: np.ndarray, guess: np.ndarray) -> None:
        """Adds features where there are none, gives all of them depth, and ties the keyframe to those before it."""
        self._detect(grey)
        depth = self.depth_of(rgb)
        z = depth_at(depth, self._pixels.astype(np.float64), _EDGE)
        has = np.isfinite(z)
        rays = (self._pixels[has] - [self.camera.cx, self.camera.cy]) / [self.camera.fx, self.camera.fy]
        points = np.concatenate([rays, np.ones((len(rays), 1))], axis=1) * z[has, None]
        keyframe = _Keyframe(place, self._ids[has], self._pixels[has].copy(), points)
        segment = self.segments[-1]
        number = len(segment.places)
        segment.places.append(place)
        segment.guesses.append(guess)
        segment.frames.append((place, number, np.eye(4)))
        for back, earlier in enumerate(reversed(segment.keyframes), 1):
            self._tie(segment, number - back, earlier, number, keyframe)
        if number and not any(tie[1] == number for tie in segment.ties):
            # Neither of both directions holds on its own; what the frame's own pose said must do.
            relative = np.linalg.inv(segment.guesses[number - 1]) @ guess
            segment.ties.append((number - 1, number, relative, float(np.median(points[:, 2])) if len(points) else 1.0))
        segment.keyframes = [*segment.keyframes, keyframe][-self.options.window :]
        chosen = np.unique(np.linspace(0, max(0, len(points) - 1), _KEPT_POINTS).astype(int))[: len(points)]
        at = np.rint(keyframe.pixels[chosen]).astype(int)
        colors = rgb[at[:, 1].clip(0, rgb.shape[0] - 1), at[:, 0].clip(0, rgb.shape[1] - 1)]
        segment.clouds.append((points[chosen].astype(np.float32), colors))
        self._in_keyframe = np.eye(4)

    def _tie(self, segment: _Open, i: int, earlier: _Keyframe, j: int, later: _Keyframe) -> None:
        """Adds the later keyframe's pose in the earlier one's frame, by the depth of each."""
        steps = []
        for by, seen, turned in ((earlier, later, False), (later, earlier, True)):
            try:
                pose, _ = self._pose(by, seen.ids, seen.pixels)
            except _Lost:
                continue
            pose = np.linalg.inv(pose) if turned else pose
            steps.append(pose)
            segment.ties.append((i, j, pose, float(np.median(by.points[:, 2]))))
        if len(steps) == 2:
            lengths = [float(np.linalg.norm(pose[:3, 3])) for pose in steps]
            if min(lengths) > 0.005 * float(np.median(later.points[:, 2])):
                segment.ratios.append(float(np.log(lengths[0] / lengths[1])))

    def _follow(self, last: np.ndarray, grey: np.ndarray) -> None:
        """Moves the features from the last frame to this one; those that do not come back the same way are lost."""
        if not len(self._ids):
            return
        moved, found, _ = self._flow(last, grey, self._pixels)
        back, returned, _ = self._flow(grey, last, moved)
        height, width = grey.shape
        kept = (found[:, 0] == 1) & (returned[:, 0] == 1) & (np.linalg.norm(back - self._pixels, axis=1) < 1)
        kept &= (moved >= 0).all(axis=1) & (moved[:, 0] <= width - 1) & (moved[:, 1] <= height - 1)
        self._ids, self._pixels = self._ids[kept], moved[kept]

    @staticmethod
    def _flow(last: np.ndarray, grey: np.ndarray, pixels: np.ndarray) -> Any:
        import cv2

        flow: Any = cv2.calcOpticalFlowPyrLK  # its annotations know no next points but given ones
        return flow(last, grey, pixels, None, winSize=(21, 21), maxLevel=4)

    def _detect(self, grey: np.ndarray) -> None:
        import cv2

        free = np.full(grey.shape, 255, np.uint8)
        apart = max(5, round(np.sqrt(grey.size / self.options.max_features) * 0.5))
        for x, y in self._pixels:
            cv2.circle(free, (round(float(x)), round(float(y))), apart, 0, -1)
        wanted = self.options.max_features - len(self._ids)
        if wanted < 1:
            return
        found = cv2.goodFeaturesToTrack(grey, wanted, 0.003, apart, mask=free)
        if found is None:
            return
        ids = np.arange(self._next_id, self._next_id + len(found))
        self._next_id += len(found)
        self._ids = np.concatenate([self._ids, ids])
        self._pixels = np.concatenate([self._pixels, found[:, 0].astype(np.float32)])

    def _pose(
        self, keyframe: _Keyframe, ids: np.ndarray, pixels: np.ndarray, guess: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pose in the keyframe's frame of the camera that sees features there, and the ids that agree with it."""
        import cv2

        common, ours, theirs = np.intersect1d(keyframe.ids, ids, return_indices=True)
        least = self.options.min_inliers
        if len(common) < least:
            raise _Lost(f"only {len(common)} features of the last keyframe are left, {least} are needed")
        points, seen = keyframe.points[ours], pixels[theirs].astype(np.float64)
        start = np.linalg.inv(np.eye(4) if guess is None else guess)
        turn: Any = cv2.Rodrigues(start[:3, :3])[0]
        shift: Any = start[:3, 3:].copy()
        done, turn, shift, agree = cv2.solvePnPRansac(
            points, seen, self.matrix, None, turn, shift, True, 200, self.allowed, 0.999
        )
        if not done or agree is None or len(agree) < least:
            count = 0 if agree is None else len(agree)
            raise _Lost(f"only {count} of {len(common)} features agree on a pose, {least} are needed")
        rows = agree[:, 0]
        turn, shift = cv2.solvePnPRefineLM(points[rows], seen[rows], self.matrix, None, turn, shift)
        into = np.eye(4)
        into[:3, :3], into[:3, 3:] = cv2.Rodrigues(turn)[0], shift
        return np.linalg.inv(into), common[rows]


def _closed(gtsam: ModuleType, segment: _Open, focal: float) -> VoSegment:
    """The segment with its keyframes where the pose graph has them, and all frames moved along."""
    poses = _optimised(gtsam, segment.guesses, segment.ties, focal)
    frames = sorted(segment.frames, key=lambda frame: frame[0])
    points = [p @ pose[:3, :3].T + pose[:3, 3] for (p, _), pose in zip(segment.clouds, poses, strict=True)]
    return VoSegment(
        frames=np.array([place for place, _, _ in frames]),
        poses=np.stack([poses[keyframe] @ pose for _, keyframe, pose in frames]),
        keyframes=tuple(segment.places),
        log_ratios=np.array(segment.ratios),
        points=np.concatenate(points).astype(np.float32),
        colors=np.concatenate([colors for _, colors in segment.clouds]).astype(np.uint8),
    )


def _optimised(
    gtsam: ModuleType, guesses: Sequence[np.ndarray], ties: Sequence[tuple[int, int, np.ndarray, float]], focal: float
) -> list[np.ndarray]:
    """The poses that agree best with all ties; the first stays where it is."""
    if len(guesses) < 2:
        return list(guesses)
    graph, values = gtsam.NonlinearFactorGraph(), gtsam.Values()
    for i, guess in enumerate(guesses):
        values.insert(i, gtsam.Pose3(_orthogonal(guess)))
    fixed = gtsam.noiseModel.Isotropic.Sigma(6, 1e-6)
    graph.add(gtsam.PriorFactorPose3(0, gtsam.Pose3(_orthogonal(guesses[0])), fixed))
    huber = gtsam.noiseModel.mEstimator.Huber.Create(1.345)
    angle = _PIXEL_NOISE / focal
    for i, j, relative, depth in ties:
        shift = angle * depth + _DEPTH_NOISE * float(np.linalg.norm(relative[:3, 3]))
        noise = gtsam.noiseModel.Diagonal.Sigmas(np.array([angle] * 3 + [max(shift, 1e-6)] * 3))
        robust = gtsam.noiseModel.Robust.Create(huber, noise)
        graph.add(gtsam.BetweenFactorPose3(i, j, gtsam.Pose3(_orthogonal(relative)), robust))
    solved = gtsam.LevenbergMarquardtOptimizer(graph, values).optimize()
    return [solved.atPose3(i).matrix() for i in range(len(guesses))]


def _orthogonal(pose: np.ndarray) -> np.ndarray:
    """The pose with rounding errors of its rotation removed, that long products of poses gather."""
    u, _, vt = np.linalg.svd(pose[:3, :3])
    clean = pose.copy()
    clean[:3, :3] = u @ vt
    return clean
