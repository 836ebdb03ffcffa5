import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mono.geometry.guided_upsampling import guide_for, guided_upsampling

FARTHEST = 300.0
DARK, BRIGHT = (40, 60, 50), (200, 190, 210)


def two_surfaces(column: int, noise: float = 0.0) -> np.ndarray:
    """Draw a dark surface and from `column` on a bright one, 64x96."""
    photo = np.empty((64, 96, 3))
    photo[:, :column], photo[:, column:] = DARK, BRIGHT
    photo += np.random.default_rng(0).normal(0, noise, photo.shape) if noise else 0
    return photo.clip(0, 255).astype(np.uint8)


def step(left: float, right: float) -> torch.Tensor:
    """Make a map of 16x24 whose right half has another value."""
    values = torch.full((16, 24), left)
    values[:, 12:] = right
    return values


def resized(values: torch.Tensor) -> torch.Tensor:
    return F.interpolate(values[None, None], (64, 96), mode="bilinear", align_corners=False)[0, 0]


def guided(small: list[torch.Tensor], photo: np.ndarray, farthest: float = FARTHEST) -> list[torch.Tensor]:
    depth, *others = (resized(values) for values in small)
    maps = [depth.where(depth < farthest, 0), *others]
    guided_upsampling(maps, small, guide_for(photo, tuple(small[0].shape)), farthest)
    return maps


def test_a_step_of_depth_comes_to_lie_where_the_photo_has_it():
    confidence = step(0.9, 0.5)
    for column in (46, 48, 51):  # the small map has it at 48, give or take a pixel of its own
        depth, sure = guided([step(2.0, 5.0), confidence], two_surfaces(column, noise=3))
        assert torch.allclose(depth[:, :column], torch.tensor(2.0), rtol=0.02), column
        assert torch.allclose(depth[:, column:], torch.tensor(5.0), rtol=0.02), column
        assert torch.allclose(sure[:, column - 1], torch.tensor(0.9), atol=0.01)
        assert torch.allclose(sure[:, column], torch.tensor(0.5), atol=0.01)


def test_what_has_no_step_stays_as_it_was():
    slope = torch.linspace(2, 2.5, 24).expand(16, 24).contiguous()
    depth, confidence = guided([slope, step(0.9, 0.1)], two_surfaces(50))
    assert torch.equal(depth, resized(slope)) and torch.equal(confidence, resized(step(0.9, 0.1)))
    depth, _ = guided([step(2.0, 5.0), torch.rand(16, 24)], two_surfaces(50))
    assert torch.equal(depth[:, :44], resized(step(2.0, 5.0))[:, :44])  # beyond a pixel of the small map


def test_photos_of_one_color_give_the_mean_of_what_is_around():
    depth, _ = guided([step(2.0, 5.0), torch.ones(16, 24)], np.full((64, 96, 3), 128, np.uint8))
    middle = depth[:, 44:52].log()
    assert torch.all(middle.diff(dim=1) > 0)
    assert torch.allclose((middle[:, 3] + middle[:, 4]) / 2, torch.tensor(10.0).log() / 2, atol=1e-4)


def test_a_silhouette_before_the_sky_keeps_its_depth_and_the_sky_has_none():
    small = [step(20.0, 1e30), torch.ones(16, 24), step(0.02, 0.98)]
    depth, _, sky = guided(small, two_surfaces(51))
    assert torch.allclose(depth[:, :51], torch.tensor(20.0)) and depth[:, 51:].max() == 0
    assert sky[:, 50].max() < 0.1 and sky[:, 51].min() > 0.9
    for probability in (0.6, 0.55):  # cells that are hardly sky count less than their neighbors, but it stays sky
        depth, _, sky = guided([small[0], small[1], step(0.45, probability)], np.full((64, 96, 3), 90, np.uint8))
        assert not depth[sky >= 0.5].any()


def test_sky_is_guided_whatever_depth_it_has():
    photo, ones = two_surfaces(46), torch.ones(16, 24)
    for there in (30.0, 200.0):
        depth, _, sky = guided([step(30.0, there), ones, step(0.02, 0.98)], photo)
        assert torch.allclose(depth[:, :46], torch.tensor(30.0)) and torch.allclose(depth[:, 46:], torch.tensor(there))
        assert sky[:, 45].max() < 0.1 and sky[:, 46].min() > 0.9


def test_photos_smaller_than_the_map():
    large = torch.full((16, 24), 2.0)
    large[:, 14:] = 5.0
    photo = np.empty((4, 6, 3), np.uint8)
    photo[:, :3], photo[:, 3:] = DARK, BRIGHT  # the step lies in the fourth of six columns
    depth = F.interpolate(large[None, None], (4, 6), mode="bilinear", align_corners=False)[0, 0]
    assert depth[0].tolist() == [2, 2, 2, 3.5, 5, 5]
    guided_upsampling([depth, torch.ones(4, 6)], [large, torch.ones(16, 24)], guide_for(photo, (16, 24)), FARTHEST)
    assert depth[:, :3].max() < 2.01 and depth[:, 4:].min() > 4.99
    assert torch.allclose(depth[:, 3].log(), torch.tensor(10.0).log() / 2, atol=0.1)  # half of it shows each surface


def test_photos_may_be_read_only_and_mirrored():
    photo = two_surfaces(45)
    expected = guided([step(2.0, 5.0), step(0.9, 0.5)], photo)
    photo = np.ascontiguousarray(photo[:, ::-1])
    photo.flags.writeable = False
    found = guided([step(2.0, 5.0), step(0.9, 0.5)], photo[:, ::-1])
    assert all(torch.equal(*pair) for pair in zip(expected, found, strict=True))


def test_photos_of_a_pixel_get_the_mean_of_the_middle():
    small = step(2.0, 4.0)
    depth, guide = torch.full((1, 1), 3.0), guide_for(np.zeros((1, 1, 3), np.uint8), (16, 24))
    guided_upsampling([depth, torch.ones(1, 1)], [small, torch.ones(16, 24)], guide, FARTHEST)
    assert torch.allclose(depth.log(), torch.tensor(8.0).log() / 2)


def test_large_photos_are_guided_at_four_times_the_size_of_the_map():
    photo = np.repeat(np.repeat(two_surfaces(50, noise=2), 5, axis=0), 5, axis=1)  # 320x480, 20 times the map
    small = [step(2.0, 5.0), step(0.9, 0.5)]
    maps = [F.interpolate(v[None, None], photo.shape[:2], mode="bilinear", align_corners=False)[0, 0] for v in small]
    before, guide = maps[0].clone(), guide_for(photo, (16, 24))
    assert guide.photo.shape == (64, 96, 3) and guide.small.shape == (16, 24, 3)
    guided_upsampling(maps, small, guide, FARTHEST)
    assert torch.allclose(maps[0][:, :250], torch.tensor(2.0), rtol=0.02)
    assert torch.allclose(maps[0][:, 250:], torch.tensor(5.0), rtol=0.02)
    assert torch.equal(maps[0][:, :220], before[:, :220])


@pytest.mark.parametrize("size", [(150, 400), (400, 150)])
def test_cells_have_the_mean_color_of_their_pixels(size):
    photo = np.zeros((*size, 3), np.uint8)
    photo[:, np.arange(size[1]) // 3 % 2 == 1] = 200
    expected = cv2.resize(cv2.medianBlur(photo, 3), (100, 100), interpolation=cv2.INTER_AREA)
    assert np.array_equal(guide_for(photo, (100, 100)).small, expected)


def test_the_sky_does_not_depend_on_its_depth():
    rng = torch.Generator().manual_seed(2)
    sky, depth = torch.rand(16, 24, generator=rng), torch.rand(16, 24, generator=rng) * 9 + 1
    photo = np.random.default_rng(1).integers(0, 255, (64, 96, 3), np.uint8)
    kept = guided([depth, torch.ones(16, 24), sky], photo)
    invalid = guided([depth.where(sky < 0.5, 1e30), torch.ones(16, 24), sky], photo)
    assert torch.equal(kept[2], invalid[2]) and torch.equal(kept[1], invalid[1])
    known = invalid[0] > 0
    assert not known[invalid[2] >= 0.5].any() and kept[0].min() > 0
    edges = kept[2] != resized(sky)
    assert (known & edges).float().mean() > 0.3 and torch.equal(invalid[0][known & edges], kept[0][known & edges])


def test_a_pixel_alone_in_its_color_has_the_depth_of_its_neighbors():
    photo = two_surfaces(48)
    photo[20, 44], photo[30, 51] = BRIGHT, DARK
    depth, _ = guided([step(2.0, 5.0), torch.ones(16, 24)], photo)
    assert abs(depth[20, 44] - 2) < 0.01 and abs(depth[30, 51] - 5) < 0.01


def test_pixels_without_depth_are_left_out_of_means():
    depth = step(2.0, 5.0)
    depth[6:9, 11:14] = 0
    found, _ = guided([depth, torch.ones(16, 24)], np.full((64, 96, 3), 90, np.uint8))
    assert (found[28:32, 46:54] == 0).all()
    known = found[found > 0]
    assert known.min() > 1.999 and known.max() < 5.001


def test_a_wire_before_the_sky_has_the_depth_of_what_is_around():
    photo = np.full((240, 320, 3), BRIGHT, np.uint8)
    photo[120:], photo[:120, 160:162] = DARK, DARK  # half as wide as a cell
    sky = torch.full((60, 80), 0.98)
    sky[30:] = 0.02
    depth = torch.where(sky > 0.5, 1e30, 20.0)
    maps = [v.repeat_interleave(4, 0).repeat_interleave(4, 1) for v in (depth.where(depth < 1e29, 0), sky, sky)]
    guided_upsampling(maps, [depth, sky, sky], guide_for(photo, (60, 80)), FARTHEST)
    wire = maps[0][30:120, 160:162]
    assert torch.allclose(wire, torch.tensor(20.0), rtol=1e-3) and maps[2][30:120, 160:162].max() < 0.5
    assert not maps[0][:116, 162:].any() and not maps[0][:116, :160].any()
    assert torch.equal(maps[0] > 0, maps[2] < 0.5)


def test_sky_has_no_depth_in_photos_of_any_size():
    rng = np.random.default_rng(3)
    sky = torch.from_numpy(cv2.resize(rng.random((6, 8), np.float32), (64, 48)))
    depth = torch.where(sky >= 0.5, 1e30, 7.0)
    for size in ((20, 30), (100, 130), (500, 700)):
        photo = cv2.resize(rng.integers(0, 255, (9, 12, 3), np.uint8), size[::-1])
        maps = [F.interpolate(v[None, None], size, mode="bilinear")[0, 0] for v in (depth, sky, sky)]
        maps[0] = maps[0].where(maps[0] < FARTHEST, 0)
        guided_upsampling(maps, [depth, sky, sky], guide_for(photo, (48, 64)), FARTHEST)
        assert not maps[0][maps[2] >= 0.5].any() and (maps[0] > 0).float().mean() > 0.2
        known = maps[0][maps[2] < 0.5]
        assert (known > 0).float().mean() > 0.99 and torch.allclose(known[known > 0], torch.tensor(7.0), rtol=1e-3)
