"""`metricdepth measure`."""

import json

import numpy as np
import PIL.Image
import pytest

import mono
from mono.calibration.camera_calibration import write_calibration
from mono.calibration.depth_alignment import DepthAlignment
from mono.cli.main import main


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("measure") / "a room.png"
    rng = np.random.default_rng(0)
    PIL.Image.fromarray(rng.integers(0, 255, (60, 80, 3), np.uint8)).resize((320, 240)).save(path)
    return path


def test_lengths_are_those_of_the_prediction(photo, capsys):
    prediction = mono.load_model("lite", device="cpu").predict(
        photo, camera=[[300, 0, 159.5], [0, 300, 119.5], [0, 0, 1]]
    )
    pixels = [(30, 40), (250, 200), (100, 220)]
    command = ["measure", str(photo), *(f"{x},{y}" for x, y in pixels), "--focal-px", "300"]
    expected = mono.measure(prediction, pixels)
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["length"] == pytest.approx(expected.length, rel=1e-4) and found["camera_source"] == "given"
    assert found["pixels"] == [list(map(float, pixel)) for pixel in pixels]
    np.testing.assert_allclose(found["points"], expected.points, rtol=1e-3)
    assert main(command) == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{photo}: {expected.length:.2f} m along the path, {expected.straight:.2f} m from (30, 40)")
    assert first.endswith(f"standard error {expected.relative_error:.0%}") and "if the camera was held level" in second
    assert third.split() == ["focal", "length:", "given", "1", "image"]


def test_a_known_distance_sets_the_scale(photo, capsys):
    command = ["measure", str(photo), "100,120", "--focal-px", "300", "--known", "100,120:7.5", "--along-ray"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "7.50 m from the camera to (100, 120)" in out and "aligned: scale" in out


def test_a_calibration_of_the_camera_counts(photo, tmp_path, capsys):
    lite = mono.load_model("lite", device="cpu")
    alignment = DepthAlignment("scale", 2.0, standard_error=0.04, spread=0.03, used=5, left_out={})
    camera = {"fx": 300.0, "fy": 300.0, "cx": 159.5, "cy": 119.5, "width": 320, "height": 240}
    (tmp_path / "plain.json").write_text(json.dumps(camera))
    write_calibration(tmp_path / "camera.json", camera, lite.checksum, "lite", alignment, 5)
    lengths = []
    for name in ("plain.json", "camera.json"):
        assert main(["measure", str(photo), "100,120", "--camera", str(tmp_path / name), "--json"]) == 0
        lengths.append(json.loads(capsys.readouterr().out))
    assert lengths[1]["length"] == pytest.approx(2 * lengths[0]["length"], rel=1e-4)
    assert lengths[1]["relative_error"] == pytest.approx(0.05, abs=1e-3)


def test_what_cannot_be_measured_fails_with_a_reason(photo, capsys):
    assert main(["measure", str(photo), "400,20", "--focal-px", "300"]) == 2
    assert "pixel (400, 20) lies outside the image of 320x240" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["measure", str(photo), "4-20"])
    assert '"4-20" is not a pixel; write X,Y, as 412,300' in capsys.readouterr().err
