"""Photometric augmentation: images stay images, and each kind of change happens."""

from __future__ import annotations

import numpy as np
import pytest

from mono.training.data.augment import augment, cut_out, recolor, vignette


@pytest.mark.parametrize("seed", range(30))
def test_augmented_images_stay_images(seed: int):
    rng = np.random.default_rng(seed)
    rgb = np.random.default_rng(0).integers(0, 255, (37, 53, 3), np.uint8)
    before = rgb.copy()
    out = augment(rgb, rng)
    assert out.shape == rgb.shape and out.dtype == np.uint8
    assert (rgb == before).all()


def test_light_strengthens_the_changes_of_color():
    rgb = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)

    def change(light: float) -> float:
        changes = [np.abs(recolor(rgb, np.random.default_rng(s), light).astype(int) - rgb).mean() for s in range(40)]
        return float(np.mean(changes))

    assert change(0) < 1 and change(2) > 1.4 * change(1) > 10


def test_vignettes_darken_corners_and_keep_the_center():
    out = vignette(np.full((41, 61, 3), 200, np.uint8), np.random.default_rng(0))
    assert out[20, 30].min() == 200
    assert 200 * 0.35 < out[0, 0].max() < 200 * 0.85


def test_rectangles_are_filled_in_a_copy():
    rgb = np.zeros((40, 60, 3), np.uint8)
    out = cut_out(rgb, np.random.default_rng(1))
    assert not rgb.any() and 0 < (out != rgb).any(2).mean() < 0.3
