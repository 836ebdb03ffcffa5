import cv2
import numpy as np
import pytest

from mono.geometry.guided_filter import guided_filter

SKY, LEAF = (150, 180, 230), (60, 90, 40)


def test_what_is_a_function_of_color_is_found_exactly():
    rng = np.random.default_rng(0)
    photo = cv2.resize(rng.integers(0, 255, (12, 16, 3), np.uint8), (256, 192), interpolation=cv2.INTER_CUBIC)
    expected = photo.astype(np.float32) @ np.float32([0.001, 0.0005, 0.0015]) + 0.1
    colors = cv2.resize(photo, (128, 96), interpolation=cv2.INTER_AREA)
    values = cv2.resize(expected, (128, 96), interpolation=cv2.INTER_AREA)
    assert np.abs(guided_filter(values, colors, photo) - expected).max() < 0.03


def test_what_is_thinner_than_the_map_sees_is_told_by_its_color():
    photo = np.full((800, 400, 3), SKY, np.uint8)
    photo[600:] = LEAF
    photo[:600, 100] = LEAF  # a quarter of a cell
    colors = cv2.resize(photo, (100, 200), interpolation=cv2.INTER_AREA)
    values = np.repeat(np.float32([0.98, 0.02]), [150, 50])[:, None].repeat(100, 1)
    found = guided_filter(values, colors, photo)
    sky = found >= 0.5
    assert not sky[500:600, 100].any() and not sky[600:].any()
    assert sky[:350].all()  # nothing around is known not to be sky
    assert sky[:600, :100].all() and sky[:600, 101:].all()
    photo[0, 0] = 255
    assert found.min() >= 0 and guided_filter(values, colors, photo).max() <= 1


def test_one_color_gives_the_mean_of_what_is_around():
    values = np.zeros((60, 80), np.float32)
    values[:, 40:] = 1
    found = guided_filter(values, np.full((60, 80, 3), 90, np.uint8), np.full((120, 160, 3), 90, np.uint8))
    assert np.allclose(found[:, 79:81].mean(), 0.5, atol=0.01) and (np.diff(found, axis=1) > -1e-5).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 200)])
def test_small_images(size):
    photo = np.random.default_rng(1).integers(0, 255, (*size, 3), np.uint8)
    colors = cv2.resize(photo, (7, 5), interpolation=cv2.INTER_CUBIC)
    found = guided_filter(np.full((5, 7), 0.75, np.float32), colors, photo)
    assert found.shape == size and found.dtype == np.float32 and np.allclose(found, 0.75, atol=1e-4)
