"""Contradictory and useless inputs: each is refused, or warned of, in one clear line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mono.calibration.fit import align_depth
from mono.calibration.known import Known, KnownDepth
from mono.calibration.sources import AlignOptions
from mono.data.sample import Sample
from mono.system.errors import MetricDepthError
from tests.calibration.rooms import CAMERA, distances, room

ROOM = room()
SKY = np.where(np.arange(240)[:, None] < 40, 0, ROOM).astype(np.float32)
RANDOM = distances(ROOM, np.random.default_rng(0), 30)
RANDOM[:, 2] *= np.exp(np.random.default_rng(1).uniform(-2, 2, 30))
HALF = distances(ROOM, np.random.default_rng(0), 11)
HALF[:5, 2] *= (4, 9, 5, 7, 20)

KNOWN = {
    "nothing": (lambda: Known(), "nothing is known"),
    "negative": (lambda: Known(points=((5, 5, -2),)), "must be positive and finite"),
    "not a number": (lambda: Known(points=((5, 5, float("nan")),)), "give 3 finite numbers"),
    "too few numbers": (lambda: Known(points=((5, 5),)), r"give 3 finite numbers \(u, v, metres\)"),
    "millimetres": (lambda: Known(points=((5, 5, 25_000.0),)), "in metres, not millimetres"),
    "two distances of a pixel": (lambda: Known(points=((5, 5, 2), (5, 5, 3))), "pixel 5,5 has two distances"),
    "a length of no length": (lambda: Known(lengths=((5, 5, 5, 5, 1),)), "begins and ends in one pixel"),
    "outside": (lambda: Known(points=((400, 5, 2),)), "lies outside the image of 320x240"),
    "in the sky": (lambda: Known(points=((100, 10, 2),)), r"no predicted depth \(sky"),
    "on an edge": (lambda: Known(points=((200, 100, 2),)), "on edges, where depth jumps"),
    "a length to the sky": (lambda: Known(lengths=((100, 10, 100, 90, 2),)), r"no predicted depth \(sky"),
    "a length too short": (lambda: Known(lengths=((60, 100, 63, 100, 0.05),)), "ends too near each other"),
    "two that contradict": (lambda: Known(points=((100, 90, 6), (250, 100, 9))), "the two known distances contradict"),
    "points of another image": (lambda: Known(points=tuple(map(tuple, RANDOM))), "belong to this image"),
    "half of them wrong": (lambda: Known(points=tuple(map(tuple, HALF))), "only 6 of 11 agree|differ by a factor"),
    "an empty map": (lambda: Known(depth=np.zeros((240, 320))), "the depth to align with is empty"),
    "a map of another shape": (lambda: Known(depth=np.ones((320, 240))), "another shape"),
    "disparity": (lambda: Known(depth=10 / ROOM), "rank correlation is -1.*disparity"),
    "a map of three channels": (lambda: Known(depth=np.ones((240, 320, 3))), r"a depth map is \(height, width\)"),
    "kind": (lambda: Known(points=((5, 5, 2),), kind="radial"), "give axis or ray"),
    "depth in millimetres": (lambda: Known(depth=np.rint(1000 * ROOM)), "are they in millimetres"),
    "points and depth that differ in number": (
        lambda: Known(depth=KnownDepth(np.zeros((3, 2)), np.ones(2))), "give \\(N, 2\\) and \\(N,\\)"
    ),
    "no list": (lambda: Known(points=None), r"points of known distances are None; give a list of \(u, v, metres\)"),
    "a bool for a pixel": (lambda: Known(points=((True, 5, 2),)), "give 3 finite numbers"),
    "a height as text": (lambda: Known(camera_height="1.5"), "camera_height is '1.5'; give metres"),
    "a height as bool": (lambda: Known(camera_height=True), "camera_height is True; give metres"),
    "a camera in a pit": (lambda: Known(camera_height=-1), "must be positive"),
}  # fmt: skip


@pytest.mark.parametrize("case", KNOWN)
def test_refused_in_one_line(case: str) -> None:
    build, message = KNOWN[case]
    with pytest.raises(MetricDepthError, match=message) as caught:
        align_depth(SKY, CAMERA, build())
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 330


def test_files_that_cannot_be_aligned_with_are_refused(tmp_path: Path) -> None:
    def refused(message: str, **values: object) -> None:
        with pytest.raises(MetricDepthError, match=message):
            AlignOptions(**values).find(Sample("a", tmp_path / "a.jpg", "a.jpg"), CAMERA)  # type: ignore[arg-type]

    refused("there is no such file or folder", path=tmp_path / "none.png")
    (tmp_path / "notes.pdf").write_bytes(b"%PDF")
    refused("is neither a depth map", path=tmp_path / "notes.pdf")
    refused("holds no depth map or cloud named a", path=tmp_path)
    refused("nothing is known to align with")
    refused("extrinsics are those of a point cloud", known=Known(camera_height=1.5), extrinsics=tmp_path / "e.txt")
    (tmp_path / "a.csv").write_text("x,y,z\n0,0,-3\n1,0,-3\n")
    refused("none of its 2 points lands in the image", path=tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("x,y,z\n0,zero,3\n")
    refused("line 2 is '0,zero,3'", path=tmp_path / "a.csv")
    samples = [Sample(n, tmp_path / n, n) for n in "ab"]
    with pytest.raises(MetricDepthError, match="known of one image, and 2 are given"):
        AlignOptions(Known(points=((5, 5, 2),))).check(samples)
    AlignOptions(Known(camera_height=1.5)).check(samples)
