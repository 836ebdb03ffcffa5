"""Batches: their sizes, how often frames are drawn, and that they follow from seed and step."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mono.geometry.canonical import CanonicalTransform
from mono.training.data.images import Frame
from mono.training.data.sampling import BatchPlan, best_size, frame_weights
from mono.training.recipe import Recipe

TRANSFORM = CanonicalTransform(crop_size=(640, 960), focal_length=100.0, mode="image", fit="tight")
RECIPE = Recipe(sizes=((64, 96), (96, 64), (32, 96)), batch_pixels=4 * 64 * 96)


def frame(focal: float, width: int, height: int, family: str = "a", source: str = "") -> Frame:
    camera = (focal, focal, (width - 1) / 2, (height - 1) / 2)
    return Frame("a", Path("a"), "a", Path("b"), intrinsics=camera, family=family, data_set=source)


def test_frames_go_to_the_size_of_their_shape():
    assert best_size(frame(200, 192, 128), RECIPE.sizes, TRANSFORM) == 0
    assert best_size(frame(200, 128, 192), RECIPE.sizes, TRANSFORM) == 1
    assert best_size(frame(200, 240, 64), RECIPE.sizes, TRANSFORM) == 2


def test_in_label_mode_only_the_shape_of_the_image_counts():
    label = replace(TRANSFORM, mode="label")
    for focal in (20.0, 200.0, 2000.0):
        assert best_size(frame(focal, 190, 128), RECIPE.sizes, label) == 0
        assert best_size(frame(focal, 1280, 1900), RECIPE.sizes, label) == 1
        assert best_size(frame(focal, 2400, 800), RECIPE.sizes, label) == 2


def test_batches_have_one_size_follow_from_the_seed_and_balance_families():
    frames = [frame(100, 96, 64, "many")] * 90 + [frame(100, 96, 64, "few")] * 10
    recipe = replace(RECIPE, balance=1.0, family_weights={"few": 2.0})
    plan = BatchPlan.from_frames(frames, recipe, TRANSFORM, seed=3)
    batches = [plan.batch(step) for step in range(400)]
    assert all(len({key.size for key in batch}) == 1 for batch in batches)
    assert all(len(batch) == recipe.batch_size(batch[0].size) for batch in batches)
    drawn = np.array([key.frame for batch in batches for key in batch])
    assert np.mean(drawn >= 90) == pytest.approx(2 / 3, abs=0.05)
    assert plan.batch(5) == batches[5] and plan.batch(5) != plan.batch(6)


def test_crops_are_drawn_as_often_as_asked_and_go_to_sizes_that_suit_them():
    frames = [frame(100, 96, 64)] * 50
    recipe = replace(RECIPE, sizes=((64, 96), (32, 64)), crops=((1.0, 0.6), (0.5, 0.4)))
    plan = BatchPlan.from_frames(frames, recipe, TRANSFORM, seed=3)
    keys = [key for step in range(600) for key in plan.batch(step)]
    halves = [key for key in keys if key.share == 0.5]
    assert len(halves) / len(keys) == pytest.approx(0.4, abs=0.04)
    assert np.mean([key.size == (32, 64) for key in halves]) > 0.85
    assert np.mean([key.size == (64, 96) for key in keys if key.share == 1.0]) > 0.85
    assert {key.frame for key in halves} == set(range(50))


def test_unlabelled_frames_want_the_consistency_loss():
    frames = [frame(100, 96, 64), replace(frame(100, 96, 64), depth=None, kind="unlabelled")]
    with pytest.raises(ValueError, match="unlabelled images need the loss consistency"):
        BatchPlan.from_frames(frames, RECIPE, TRANSFORM, seed=3)
    keys = BatchPlan.from_frames(frames, replace(RECIPE, losses={"consistency": 1.0}), TRANSFORM, seed=3).batch(0)
    assert [key.view for key in keys] == [0, 1, 0, 1]


def test_parts_of_a_recipe_that_no_frame_serves_are_named(caplog: pytest.LogCaptureFixture):
    sky = replace(RECIPE, losses={"sky": 1.0}, zero_is_sky=True)
    one = frame(100, 96, 64)
    for recipe, member in (
        (sky, one), (sky, replace(one, kind="sky")), (replace(RECIPE, family_weights={"a": 2.0}), one),
    ):  # fmt: skip
        BatchPlan.from_frames([member], recipe, TRANSFORM, seed=3)
    assert not caplog.records
    BatchPlan.from_frames([replace(one, kind="dense")], replace(sky, family_weights={"b": 2.0}), TRANSFORM, seed=3)
    assert "the loss sky has nothing to learn from" in caplog.text
    assert "family_weights: no image is of the family b; families: a" in caplog.text


def test_data_sets_are_balanced_before_their_families():
    frames = [frame(100, 96, 64, family, "x") for family in "aaab"] + [frame(100, 96, 64, "c", "y")] * 12
    even = frame_weights(frames, replace(RECIPE, balance=1.0, set_balance=1.0))
    assert even == pytest.approx([1 / 12] * 3 + [1 / 4] + [1 / 24] * 12)
    by_size = frame_weights(frames, replace(RECIPE, balance=0.0, set_balance=0.0))
    assert by_size == pytest.approx([1 / 16] * 16)
    between = frame_weights(frames, replace(RECIPE, balance=0.0, set_balance=0.5))
    assert between[:4].sum() / between[4:].sum() == pytest.approx((4 / 12) ** 0.5)


def test_mixed_data_sets_of_all_sizes_come_as_often():
    frames = [frame(100, 96, 64, "big", "x")] * 900 + [frame(100, 64, 96, "small", "y")] * 30
    frames += [frame(100, 96, 32, "tiny", "z")] * 3
    plan = BatchPlan.from_frames(frames, replace(RECIPE, set_balance=1.0), TRANSFORM, seed=1)
    keys = [key for step in range(600) for key in plan.batch(step)]
    shares = Counter(frames[key.frame].data_set for key in keys)
    assert all(shares[name] / len(keys) == pytest.approx(1 / 3, abs=0.04) for name in "xyz")


def test_a_plan_for_two_processes_is_that_of_twice_the_batch():
    frames = [frame(100, 96, 64)] * 50 + [frame(100, 64, 96)] * 50
    twice = BatchPlan.from_frames(frames, replace(RECIPE, batch_pixels=8 * 64 * 96), TRANSFORM, seed=2)
    shared = BatchPlan.from_frames(frames, RECIPE, TRANSFORM, seed=2, processes=2)
    assert [twice.batch(step) for step in range(20)] == [shared.batch(step) for step in range(20)]


def test_what_cannot_be_drawn_is_an_error():
    with pytest.raises(ValueError, match="no images to train on"):
        BatchPlan.from_frames([], RECIPE, TRANSFORM, 0)
    with pytest.raises(ValueError, match="weight 0"):
        BatchPlan.from_frames([frame(100, 96, 64)], replace(RECIPE, family_weights={"a": 0.0}), TRANSFORM, 0)
    for mode, own in (("label", r'; its own size is --set "sizes=\[\(640, 960\)\]"'), ("image", "$")):
        with pytest.raises(ValueError, match=rf"size \(100, 96\) .* multiples of 32 .*needs{own}"):
            odd = replace(RECIPE, sizes=((100, 96),))
            BatchPlan.from_frames([frame(100, 96, 64)], odd, replace(TRANSFORM, mode=mode), 0)
