from __future__ import annotations

import json
from pathlib import Path

import pytest

from mono.calibration.known_file import read_known_images


@pytest.mark.parametrize("bare", [True, False])
def test_entries_are_read_from_both_forms_of_annotation_files(tmp_path: Path, bare: bool) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    entries = [{"rgb": "a.jpg", "known": [[5, 6, 2.0]], "camera_height": 1.5, "along_ray": True}]
    (tmp_path / "known.json").write_text(json.dumps(entries if bare else {"files": entries}))
    (image,) = read_known_images(tmp_path / "known.json")
    assert (image.points, image.camera_height, image.ray) == ([[5, 6, 2.0]], 1.5, True)
