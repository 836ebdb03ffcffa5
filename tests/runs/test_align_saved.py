"""Alignment of saved depth: what it adds to a folder, and what it does not replace."""

import json

import numpy as np
import pytest

from mono.calibration.known import Known
from mono.calibration.sources import AlignOptions
from mono.data.camera_source import CameraResolver
from mono.data.folder import find_images
from mono.do_test import run
from mono.io.depth import read_depth
from mono.runs.align_saved import align_saved, find_saved_depth
from mono.runs.folder import lock_output_folder
from mono.runs.options import RunOptions
from mono.runs.outputs import OutputOptions
from mono.system.errors import RunError
from tests.test_do_test import GIVEN, files_of, manifest, write_photos

KNOWN = AlignOptions(Known(points=((20, 18, 3.0),)), model="scale")


def align(depth, out, options=KNOWN, **flags):
    return align_saved(find_saved_depth([depth]), out, options, CameraResolver(focal_px=60.0), **flags)


@pytest.fixture
def depth(tmp_path):
    """Depth maps a and b, 2 m everywhere."""
    (tmp_path / "maps").mkdir()
    for name in ("a", "b"):
        np.save(tmp_path / "maps" / f"{name}.npy", np.full((36, 48), 2.0, np.float32))
    return tmp_path / "maps"


def test_alignments_are_added_and_none_is_replaced_unasked(tmp_path, depth):
    out = tmp_path / "out"
    align(depth / "a.npy", out)
    before = files_of(out)
    with pytest.raises(RunError, match=r"results of 1 of these depth maps, as of a, .*--overwrite"):
        align(depth / "a.npy", out)
    assert files_of(out) == before
    align(depth / "b.npy", out)
    scales = {name: record["scale"] for name, record in json.loads((out / "alignment.json").read_text()).items()}
    assert scales == {"a": pytest.approx(1.5), "b": pytest.approx(1.5)}
    align(depth / "a.npy", out, AlignOptions(Known(points=((20, 18, 4.0),)), model="scale"), overwrite=True)
    scales = {name: record["scale"] for name, record in json.loads((out / "alignment.json").read_text()).items()}
    assert scales == {"a": pytest.approx(2.0), "b": pytest.approx(1.5)}
    assert read_depth(out / "depth/a.png")[0, 0] == pytest.approx(4.0, abs=1e-3)


def test_results_of_a_run_are_not_replaced_unasked(tmp_path, depth, toy_predictor):
    samples = find_images([write_photos(tmp_path / "photos", 2)])
    out = tmp_path / "out"
    run(samples, toy_predictor, RunOptions(out, OutputOptions(("depth", "vis"), "npy"), resolver=GIVEN))
    (depth / "a.npy").rename(depth / "001.npy")
    before = files_of(out)
    with pytest.raises(RunError, match="results of 1 of these"):
        align(depth / "001.npy", out)
    assert files_of(out) == before
    align(depth / "001.npy", out, overwrite=True)
    assert [record["name"] for record in manifest(out)] == ["000"]
    assert not (out / "vis/001.jpg").exists() and not (out / "depth/001.npy").exists()
    assert read_depth(out / "depth/001.png")[0, 0] == pytest.approx(3.0, abs=1e-3)


def test_a_camera_that_is_given_anew_is_recorded_as_given(tmp_path, depth, toy_predictor):
    samples = find_images([write_photos(tmp_path / "photos", 1)])
    out, aligned = tmp_path / "out", tmp_path / "aligned"
    run(samples, toy_predictor, RunOptions(out, OutputOptions(("depth",), "npy"), resolver=CameraResolver()))
    np.save(out / "depth/000.npy", np.full(read_depth(out / "depth/000.npy").shape, 2.0, np.float32))
    align(out, aligned, depth_format="npy")
    (record,), sidecar = manifest(aligned), json.loads((aligned / "depth/000.json").read_text())
    assert record["camera_source"] == sidecar["camera_source"] == "assumed"
    assert sidecar["camera"]["fx"] == pytest.approx(record["intrinsics"][0], abs=1e-4) and sidecar["camera"]["fx"] != 60
    (out / "depth/000.json").unlink()
    align(out, aligned, depth_format="npy", overwrite=True)
    (record,), sidecar = manifest(aligned), json.loads((aligned / "depth/000.json").read_text())
    assert record["camera_source"] == sidecar["camera_source"] == "given"
    assert record["intrinsics"][0] == sidecar["camera"]["fx"] == 60.0


def test_a_folder_in_use_or_with_another_alignment_file_is_refused(tmp_path, depth):
    out = tmp_path / "out"
    with lock_output_folder(out), pytest.raises(RunError, match="another run is writing"):
        align(depth / "a.npy", out)
    (out / "alignment.json").write_text("[]")
    with pytest.raises(RunError, match=r"alignment\.json: holds no alignments"):
        align(depth / "a.npy", out)
    assert (out / "alignment.json").read_text() == "[]" and not (out / "depth").exists()
