"""Camera files for oblong pixels, of images whose pixels were made square."""

import json

import pytest

from mono.io.cameras.files import CameraFileError, camera_from_file


def camera_file(folder, fx, fy, width, height):
    numbers = {"fx": fx, "fy": fy, "cx": width / 2 - 0.5, "cy": height / 2 - 0.5, "width": width, "height": height}
    (folder / "camera.json").write_text(json.dumps(numbers))
    return folder / "camera.json"


@pytest.mark.parametrize(
    ("numbers", "size", "focal"),
    [
        ((1050, 1400, 1440, 1080), (1920, 1080), 1400),  # HDV
        ((1052, 1396, 1440, 1080), (1920, 1080), 1400),  # as calibrations come out
        ((1400, 1050, 1080, 1440), (1080, 1920), 1400),  # the same, upright
        ((1050, 1400, 1440, 1080), (1280, 720), 1400 * 2 / 3),  # and smaller
        ((720, 1024, 720, 576), (1024, 576), 1024),  # PAL, 16:9
        ((1000, 800, 720, 480), (640, 534), 889.4),  # pixels higher than wide
    ],
)
def test_oblong_pixels_become_square(tmp_path, numbers, size, focal):
    camera = camera_from_file(camera_file(tmp_path, *numbers), *size)
    assert (camera.width, camera.height) == size
    assert camera.fx == pytest.approx(focal, rel=0.004) and camera.fy == pytest.approx(focal, rel=0.004)
    assert camera.cx == pytest.approx(size[0] / 2 - 0.5) and camera.cy == pytest.approx(size[1] / 2 - 0.5)


@pytest.mark.parametrize(
    ("numbers", "size"),
    [
        ((1400, 1400, 1440, 1080), (1920, 1080)),  # square pixels: a crop
        ((1050, 1400, 1440, 1080), (1440, 960)),
        ((1400, 1050, 1440, 1080), (1920, 1080)),  # stretched the other way
        ((525, 536, 640, 480), (640, 470)),  # a crop, of a calibration that is 2 % off
    ],
)
def test_other_shapes_are_still_refused(tmp_path, numbers, size):
    with pytest.raises(CameraFileError, match="another aspect ratio, so it was cropped or is another camera's"):
        camera_from_file(camera_file(tmp_path, *numbers), *size)
