from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mono.evaluation.protocols import PROTOCOLS, Protocol, get_protocol

DOCS = Path(__file__).parents[2] / "docs"


def _corners(mask: np.ndarray) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) of a mask that must be a full rectangle, ends exclusive."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    assert mask.sum() == (bottom - top) * (right - left)
    return int(top), int(bottom), int(left), int(right)


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        # 0.40810811 * 352 = 143.65, 0.99189189 * 352 = 349.1, 0.03594771 * 1216 = 43.7, 0.96405229 * 1216 = 1172.3
        ("kitti_eigen_garg", (352, 1216), (143, 349, 43, 1172)),
        ("kitti_eigen_garg", (375, 1242), (23 + 143, 23 + 349, 13 + 43, 13 + 1172)),
        ("kitti_eigen_garg", (370, 1224), (18 + 143, 18 + 349, 4 + 43, 4 + 1172)),
        ("kitti_eigen_garg", (376, 1241), (24 + 143, 24 + 349, 12 + 43, 12 + 1172)),
        # 0.40810811 * 375 = 153.04, 0.99189189 * 375 = 371.96, 0.03594771 * 1242 = 44.6, 0.96405229 * 1242 = 1197.4
        ("kitti_eigen_garg_full", (375, 1242), (153, 371, 44, 1197)),
        ("kitti_eigen_garg_full", (370, 1226), (151, 366, 44, 1181)),
        ("kitti_eigen_garg_full", (370, 1224), (151, 366, 43, 1180)),
        ("kitti_eigen_garg_full", (374, 1238), (152, 370, 44, 1193)),
        ("kitti_eigen_garg_full", (376, 1241), (153, 372, 44, 1196)),
        # 0.3324324 * 375 = 124.7, 0.91351351 * 375 = 342.6, 0.0359477 * 1242 = 44.6, 0.96405229 * 1242 = 1197.4
        ("kitti_eigen", (375, 1242), (124, 342, 44, 1197)),
        ("nyu_eigen", (480, 640), (45, 471, 41, 601)),
        ("nyu_borders", (480, 640), (44, 471, 40, 601)),
        ("ibims", (480, 640), (0, 480, 0, 640)),
        ("diode", (768, 1024), (0, 768, 0, 1024)),
        ("none", (3, 5), (0, 3, 0, 5)),
    ],
)
def test_crops_of_published_frames(name: str, size: tuple[int, int], expected: tuple[int, int, int, int]) -> None:
    mask = get_protocol(name).mask(*size)
    assert mask.shape == size
    assert mask.dtype == bool
    assert _corners(mask) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((300, 1242), (int(0.40810811 * 300), int(0.99189189 * 300), 13 + 43, 13 + 1172)),
        ((375, 1000), (23 + 143, 23 + 349, int(0.03594771 * 1000), int(0.96405229 * 1000))),
        ((100, 200), (40, 99, 7, 192)),
    ],
)
def test_sides_shorter_than_the_benchmark_crop_are_not_cropped(
    size: tuple[int, int], expected: tuple[int, ...]
) -> None:
    assert _corners(get_protocol("kitti_eigen_garg").mask(*size)) == expected


@pytest.mark.parametrize("name", ["nyu_eigen", "nyu_borders"])
def test_crops_in_pixels_insist_on_their_frame(name: str) -> None:
    with pytest.raises(ValueError, match="640x480 pixels, this one has 320x240"):
        get_protocol(name).window(240, 320)


@pytest.mark.parametrize(
    ("name", "near", "far"),
    [
        ("kitti_eigen_garg", 0.001, 80),
        ("kitti_eigen_garg_full", 0.001, 80),
        ("kitti_eigen", 0.001, 80),
        ("nyu_eigen", 0.001, 10),
        ("nyu_borders", 0.001, 10),
        ("ibims", 0.001, 50),
        ("diode", 0.6, 350),
        ("none", 0.001, np.inf),
    ],
)
def test_ranges(name: str, near: float, far: float) -> None:
    depth = np.array([near, near * 1.01, min(far, 1e9) * 0.999, far, 0, -1, np.nan, np.inf])
    assert get_protocol(name).in_range(depth).tolist() == [False, True, True, False, False, False, False, False]


def test_an_unknown_name_lists_the_known_ones() -> None:
    known = "kitti_eigen_garg, kitti_eigen_garg_full, kitti_eigen, nyu_eigen, nyu_borders, ibims, diode, none"
    with pytest.raises(ValueError, match=f"'kitti'.*{known}"):
        get_protocol("kitti")


def test_protocols_are_values_that_survive_json() -> None:
    for protocol in PROTOCOLS:
        stored = json.loads(json.dumps(asdict(protocol), allow_nan=False))
        again = Protocol(
            **{
                **stored,
                "crop": stored["crop"] and tuple(stored["crop"]),
                "frame_size": stored["frame_size"] and tuple(stored["frame_size"]),
                "references": tuple(tuple(pair) for pair in stored["references"]),
            }
        )
        assert again == protocol
    assert len({protocol.name for protocol in PROTOCOLS}) == len(PROTOCOLS)


def test_the_documentation_has_the_density_of_each_ground_truth() -> None:
    rows = [line.split("|") for line in (DOCS / "evaluation.md").read_text().splitlines() if line.startswith("| `")]
    told = {name.strip(" `"): row[-2].strip() for row in rows for name in row[1].split(",")}
    assert {protocol.name: told[protocol.name] for protocol in PROTOCOLS} == {
        protocol.name: protocol.ground_truth for protocol in PROTOCOLS
    }
    assert get_protocol("ibims").ground_truth == "dense"


def test_the_description_states_every_choice() -> None:
    text = get_protocol("kitti_eigen_garg").describe()
    assert len(text.splitlines()) == 2
    for part in (
        "kitti_eigen_garg",
        "352x1216",
        "40.81-99.19 %",
        "3.59-96.41 %",
        "0.001-80 m",
        "clamped",
        "sparse",
        "images",
        "Garg",
    ):
        assert part in text
    assert "rows 45:471, columns 41:601" in get_protocol("nyu_eigen").describe()
    text = get_protocol("none").describe()
    for part in ("no crop", "from 0.001 m", "not clamped"):
        assert part in text
    assert "averaged over pixels" in Protocol("x", averaging="pixel").describe()
    assert "\n" not in Protocol("x").describe()


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_depth": 0},
        {"min_depth": 5, "max_depth": 5},
        {"max_depth": float("nan")},
        {"max_depth": float("inf")},
        {"crop": (0.5, 0.4, 0, 1)},
        {"crop": (0, 1, 0, 1.2)},
        {"crop": (-1, 1, 0, 1), "crop_unit": "pixel"},
        {"crop_unit": "percent"},
        {"ground_truth": "lidar"},
        {"averaging": "mean"},
    ],
)
def test_impossible_protocols_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="protocol mine: "):
        Protocol("mine", **wrong)


def test_a_crop_that_leaves_nothing_is_an_error() -> None:
    mine = Protocol("mine", crop=(100, 200, 0, 10), crop_unit="pixel")
    assert _corners(mine.mask(150, 8)) == (100, 150, 0, 8)
    with pytest.raises(ValueError, match="leaves nothing of a frame of 8x100"):
        mine.window(100, 8)
    with pytest.raises(ValueError, match="leaves nothing"):
        replace(get_protocol("kitti_eigen_garg")).window(1, 1)
