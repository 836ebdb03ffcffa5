"""Colors that everyone tells apart: simulated for the three kinds of color blindness, and in gray."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest

from mono.evaluation.report.thumbnails import error_ramp
from mono.visual.color_maps import INVALID_COLOR, colorize
from mono.visual.top_view import VIEW_COLORS
from tests.documents import ROOT

# Linear RGB as people without one kind of cone see it (Machado, Oliveira, Fernandes 2009, severity 1).
SIGHT = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
OKABE_ITO = {"#0072b2", "#d55e00", "#56b4e9", "#e69f00"}
everyone = pytest.mark.parametrize("sight", SIGHT)


def lab(colors: np.ndarray, sight: str) -> np.ndarray:
    """CIELAB of sRGB colors (N, 3), 0 to 255, as somebody sees them."""
    values = np.asarray(colors, np.float64) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.asarray(SIGHT[sight]).T, 0, 1)
    encoded = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    return cv2.cvtColor(encoded.astype(np.float32)[None], cv2.COLOR_RGB2LAB)[0]


def depth_ramp(steps: int) -> np.ndarray:
    return colorize(np.geomspace(1, 16, steps)[None], 1, 16)[0]


@everyone
def test_nearer_depth_is_lighter(sight: str) -> None:
    lightness = lab(depth_ramp(64), sight)[:, 0]
    assert (np.diff(lightness) < 0).all()
    assert lightness[0] > 85 and lightness[-1] < 20


@everyone
def test_steps_of_depth_look_alike(sight: str) -> None:
    """No step is invisible, none looks like an edge."""
    steps = np.linalg.norm(np.diff(lab(depth_ramp(17), sight), axis=0), axis=1)
    assert steps.min() > 4 and steps.max() < 20, steps


@everyone
def test_no_depth_is_told_from_all_depths(sight: str) -> None:
    ramp, invalid = lab(depth_ramp(256), sight), lab(np.array([INVALID_COLOR]), sight)
    assert np.linalg.norm(ramp - invalid, axis=1).min() > 10


@everyone
def test_too_near_and_too_far_differ(sight: str) -> None:
    ramp = lab(error_ramp(np.linspace(0, 1, 11)), sight)
    assert (np.diff(ramp[:6, 0]) > 0).all() and (np.diff(ramp[5:, 0]) < 0).all()
    assert np.linalg.norm(ramp[:5] - ramp[:5:-1], axis=1).min() > 10


@everyone
def test_views_of_one_photo_differ(sight: str) -> None:
    colors = lab(np.array(VIEW_COLORS), sight)
    apart = np.linalg.norm(colors[:, None] - colors[None], axis=2)[np.triu_indices(len(colors), 1)]
    assert apart.min() > 10, apart


@everyone
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_of_the_report_differ(scheme: str, sight: str) -> None:
    css = (ROOT / "mono/evaluation/report/templates/page.css").read_text()
    shades = [dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", css, re.S)]
    names = shades[scheme == "dark"]
    assert {names["accent"], names["warm"]} < OKABE_ITO
    lines = [names[name] for name in ("ink", "accent", "warm", "paper")]
    colors = lab(np.array([[int(line[i : i + 2], 16) for i in (1, 3, 5)] for line in lines]), sight)
    apart = np.linalg.norm(colors[:, None] - colors[None], axis=2)[np.triu_indices(4, 1)]
    assert apart.min() > 25, apart
