"""Files that a calibration may be stored in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mono.calibration.known_file import read_known_images
from mono.cli.main import main
from mono.data.camera_source import CameraResolver
from mono.runs.calibrate import refuse_other_file

CAMERA = {"fx": 100.0, "fy": 100.0, "cx": 79.5, "cy": 59.5, "width": 160, "height": 120}


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """Annotation file of an image with a known distance, and its camera."""
    Image.fromarray(np.full((120, 160, 3), 90, np.uint8)).save(tmp_path / "a.png")
    entry = {"rgb": "a.png", "known": [[80, 60, 2.0]], "cam_in": [100.0, 100.0, 79.5, 59.5]}
    (tmp_path / "known.json").write_text(json.dumps({"files": [entry]}))
    return tmp_path / "known.json"


@pytest.mark.parametrize(
    "content, cause",
    [
        ({"threads": 3}, "exists and is no camera file of .*a.png .*choose another --out"),
        ({"files": []}, "exists and is no camera file"),
        (
            {"focal_px": 360},
            "is of another camera .160x120 with a focal length of 360 px.*choose another --out, or give",
        ),
        ({**CAMERA, "fx": 101.0}, "is of another camera"),
        ({**CAMERA, "distortion": [0.1, 0.0, 0.0, 0.0]}, "is of another camera"),
        ({**CAMERA, "height": 160}, "another aspect ratio"),
    ],
)
def test_files_of_others_are_refused(
    known: Path, content: dict[str, Any], cause: str, capsys: pytest.CaptureFixture[str]
):
    out = known.with_name("out.json")
    out.write_text(json.dumps(content))
    before = out.read_bytes()
    with pytest.raises(ValueError, match=cause):
        refuse_other_file(out, [known], read_known_images(known), CameraResolver())
    assert main(["calibrate", str(known), "-o", str(out)]) == 2
    assert str(out) in capsys.readouterr().err and out.read_bytes() == before


def test_inputs_are_refused(known: Path, capsys: pytest.CaptureFixture[str]):
    check, before = known.with_name("check.json"), known.read_bytes()
    check.write_bytes(before)
    for out in (known, check):
        assert main(["calibrate", str(known), "--check", str(check), "-o", str(out)]) == 2
        assert f"{out} is an input, and no camera file: choose another --out" in capsys.readouterr().err
        assert out.read_bytes() == before


def test_images_that_fail_do_not_stop_the_others(known: Path, capsys: pytest.CaptureFixture[str]):
    entry, out = json.loads(known.read_text())["files"][0], known.with_name("out.json")
    for name in "bcdef":
        known.with_name(f"{name}.png").write_bytes(known.with_name("a.png").read_bytes())
    known.with_name("b.png").write_bytes(b"no photo")
    wrong = {"a": [[500, 60, 2.0]], "c": [[80, 60, 2.0], [40, 60, 20.0]]}
    entries = [{**entry, "rgb": f"{name}.png", "known": wrong.get(name, entry["known"])} for name in "abcdef"]
    for count, code in ((5, 2), (6, 1)):
        known.write_text(json.dumps({"files": entries[:count]}))
        assert main(["calibrate", str(known), "-o", str(out)]) == code
        said = capsys.readouterr()
        assert "a.png: pixel 500,60 lies outside the image of 160x120" in said.err + said.out
        assert out.exists() == (code == 1)
    assert [f"FAILED {name}.png: " in said.out for name in "abcd"] == [True] * 3 + [False]
    assert "from 3 known distances" in said.out


def test_a_model_without_a_unit_is_not_calibrated(known: Path, capsys: pytest.CaptureFixture[str]):
    code = "class D:\n kind = 'disparity'\n def load(self): pass\n def infer(self, image, camera): pass\n"
    known.with_name("disparity.py").write_text(code)
    words = ["calibrate", str(known), "--baseline", str(known.with_name("disparity.py")), "-o"]
    assert main([*words, str(known.with_name("out.json"))]) == 2
    assert "disparity gives disparity without a unit: choose a metric model" in capsys.readouterr().err


@pytest.mark.parametrize("off_center", [0, 5])
def test_upright_and_turned_photos_of_one_camera_are_calibrated_together(known: Path, off_center: int):
    entry, out = json.loads(known.read_text())["files"][0], known.with_name("out.json")
    camera = known.with_name("lens.json")
    camera.write_text(json.dumps({**CAMERA, "cx": CAMERA["cx"] + off_center}))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (160, 120), "grey").save(known.with_name("turned.png"), exif=exif)
    turned = {"rgb": "turned.png", "known": [[60, 80, 2.0]]}
    entries = [turned, {"rgb": "a.png", "known": entry["known"]}]
    known.write_text(json.dumps({"files": entries}))
    assert main(["calibrate", str(known), "--camera", str(camera), "-o", str(out)]) == 0
    stored = json.loads(out.read_text())
    assert (stored["width"], stored["height"], stored["cx"]) == (160, 120, 79.5 + off_center)
    refuse_other_file(out, [], read_known_images(known), CameraResolver(camera_file=camera))


@pytest.mark.parametrize(
    "content",
    [
        None,
        {"focal_px": 100.2},
        CAMERA,
        {name: 2 * value for name, value in CAMERA.items()},
        {**CAMERA, "note": "mine"},
    ],
)
def test_the_camera_of_the_images_is_taken_at_any_size(known: Path, content: dict[str, Any] | None):
    out = known.with_name("out.json")
    if content is not None:
        out.write_text(json.dumps(content))
    refuse_other_file(out, [known], read_known_images(known), CameraResolver())
    if content is not None:  # a camera that is given counts, whatever the annotation says
        out.write_text('{"focal_px": 360}')
        refuse_other_file(out, [known], read_known_images(known), CameraResolver(camera_file=out))
