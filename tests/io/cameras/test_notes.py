"""Notes in camera files of where their focal length came from."""

import json

import pytest

from mono.data.camera_source import CameraResolver
from mono.io.cameras.notes import FocalNote, read_focal_note


def test_a_note_is_read_back_and_its_camera_is_reported_with_it(tmp_path, caplog):
    note, path = FocalNote("assumed", "assumed 60 deg field of view", 0.25), tmp_path / "camera.json"
    path.write_text(json.dumps({"focal_px": 400.0} | note.entries()))
    assert read_focal_note(path) == note
    found = CameraResolver(camera_file=path).resolve(640, 480)
    assert (found.camera.fx, found.source, found.focal_error) == (400.0, "camera file", 0.25)
    assert found.detail == f"camera file {path}; assumed 60 deg field of view"
    assert f"{path}: assumed 60 deg field of view" in caplog.text and "mean nothing" not in caplog.text
    path.write_text(json.dumps({"focal_px": 400.0} | FocalNote("given", "given: focal length 400 px").entries()))
    found = CameraResolver(camera_file=path).resolve(640, 480)
    assert found.detail.endswith("given: focal length 400 px") and found.focal_error is None


@pytest.mark.parametrize(
    "source",
    ["a text", 5, None, [], {}, {"focal_length": "assumed"}, {"focal_length": 5, "detail": "x"}],
)
def test_other_entries_of_that_name_are_no_notes(tmp_path, source):
    path = tmp_path / "camera.json"
    path.write_text(json.dumps({"focal_px": 400.0, "source": source}))
    assert read_focal_note(path) is None
    found = CameraResolver(camera_file=path).resolve(640, 480)
    assert found.detail == f"camera file {path}" and found.focal_error is None


@pytest.mark.parametrize("error", ["x", True, -1, 0, 7, float("nan")])
def test_impossible_errors_are_passed_over(tmp_path, error):
    path = tmp_path / "camera.json"
    path.write_text(json.dumps({"source": {"focal_length": "assumed", "detail": "x", "error": error}}))
    assert read_focal_note(path) == FocalNote("assumed", "x")
