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
