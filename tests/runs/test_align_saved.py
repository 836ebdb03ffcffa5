"""Alignment of saved depth: what it adds to a folder, and what it does not replace."""

import json
from functools import partial

import numpy as np
import pytest
from PIL import Image

from mono.calibration.known import Known
from mono.calibration.sources import AlignOptions
from mono.cli.main import main
from mono.data.camera_source import CameraResolver
from mono.data.folder import find_images
from mono.do_test import run
from mono.geometry.camera import Camera
from mono.io import depth as depth_io
from mono.io import depth_metadata
from mono.io.depth import read_depth, write_depth
from mono.runs.align_saved import align_saved, find_saved_depth
from mono.runs.alignment_job import STATE
from mono.runs.folder import lock_output_folder
from mono.runs.options import RunOptions
from mono.runs.outputs import OutputOptions
from mono.system.errors import RunError
from tests.test_do_test import GIVEN, files_of, manifest, write_photos

KNOWN = AlignOptions(Known(points=((20, 18, 3.0),)), model="scale")


GIVEN_60 = CameraResolver(focal_px=60.0)
FOUR = AlignOptions(Known(points=((20, 18, 4.0),)), model="scale")


def align(depth, out, options=KNOWN, resolver=GIVEN_60, **flags):
    return align_saved(find_saved_depth([depth]), out, options, resolver, **flags)


def results_of(out):
    return {name: text for name, text in files_of(out).items() if name != STATE}


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
    before = results_of(out)
    with pytest.raises(RunError, match=r"results of 1 of these depth maps, as of a, .*--overwrite"):
        align(depth / "a.npy", out, FOUR)
    align(depth / "a.npy", out)
    assert results_of(out) == before
    align(depth / "b.npy", out)
    scales = {name: record["scale"] for name, record in json.loads((out / "alignment.json").read_text()).items()}
    assert scales == {"a": pytest.approx(1.5), "b": pytest.approx(1.5)}
    align(depth / "a.npy", out, FOUR, overwrite=True)
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
    align(out, aligned, resolver=CameraResolver(), depth_format="npy")
    (record,), sidecar = manifest(aligned), json.loads((aligned / "depth/000.json").read_text())
    assert record["camera_source"] == sidecar["camera_source"] == "assumed"
    assert sidecar["camera"]["fx"] == pytest.approx(record["intrinsics"][0], abs=1e-4) and sidecar["camera"]["fx"] != 60
    for _ in range(2):  # given flags win, with a stored camera and without
        align(out, aligned, depth_format="npy", overwrite=True)
        (record,), sidecar = manifest(aligned), json.loads((aligned / "depth/000.json").read_text())
        assert record["camera_source"] == sidecar["camera_source"] == "given"
        assert record["intrinsics"][0] == sidecar["camera"]["fx"] == 60.0
        (out / "depth/000.json").unlink(missing_ok=True)


def test_a_folder_in_use_or_with_another_alignment_file_is_refused(tmp_path, depth):
    out = tmp_path / "out"
    with lock_output_folder(out), pytest.raises(RunError, match="another run is writing"):
        align(depth / "a.npy", out)
    (out / "alignment.json").write_text("[]")
    with pytest.raises(RunError, match=r"alignment\.json: holds no alignments"):
        align(depth / "a.npy", out)
    assert (out / "alignment.json").read_text() == "[]" and not (out / "depth").exists()


def test_a_map_of_another_size_gets_its_camera_resized_or_is_refused(tmp_path):
    maps, camera = tmp_path / "maps", Camera.centered(60.0, 48, 36)
    write_depth(maps / "half.npy", np.full((18, 24), 2.0), camera)
    write_depth(maps / "crop.npy", np.full((36, 36), 2.0), camera)
    length = AlignOptions(Known(lengths=((5, 9, 20, 9, 1.5),)))
    result = align(maps / "half.npy", tmp_path / "out", length, CameraResolver())
    assert result.alignments["half"]["scale"] == pytest.approx(1.5)  # 15 px at 2 m with 30 px are 1 m
    (failure,) = align(maps / "crop.npy", tmp_path / "out", length, CameraResolver()).failures
    assert "is 36x36, and the camera stored with it is of 48x36" in failure.reason
    assert align(maps / "crop.npy", tmp_path / "out", length).alignments["crop"]["scale"] == pytest.approx(3.0)


def test_values_without_a_unit_and_codes_are_no_metres(tmp_path):
    for kind in ("disparity", "inverse", "affine", "relative"):
        write_depth(tmp_path / f"{kind}.npy", np.full((36, 48), 0.02), notes={"unit": None, "depth_kind": kind})
        result = align(tmp_path / f"{kind}.npy", tmp_path / "out")
        assert bool(result.failures) == (kind != "relative")
    assert "affine" not in result.alignments and read_depth(tmp_path / "out/depth/relative.png").max() == 3.0
    stored = np.full((36, 48), 2000, np.uint16)
    stored[:9] = 65535
    Image.fromarray(stored).save(tmp_path / "a.png")
    align(tmp_path / "a.png", tmp_path / "out", scale=1000)
    assert read_depth(tmp_path / "out/depth/a.png")[8:10, 0].tolist() == [0, 3]


def test_depth_beyond_a_png_is_counted(tmp_path, depth, capsys):
    np.save(depth / "a.npy", np.full((36, 48), 40.0))
    words = ["align", str(depth / "a.npy"), "--known", "20,18:70", "--focal-px", "60", "-o", str(tmp_path / "out")]
    assert main(words) == 0
    assert "beyond 65.5 m is invalid in the PNGs (1728 pixels of 1 image); to keep it: --depth-f" in (
        said := capsys.readouterr().out
    )
    assert main(words) == 0 and capsys.readouterr().out == said


def test_former_results_make_way_for_new_ones_only(tmp_path, depth):
    out, refused = tmp_path / "out", AlignOptions(Known(points=((999, 18, 4.0),)))
    align(depth / "a.npy", out)
    before = results_of(out)
    assert align(depth / "a.npy", out, refused, overwrite=True).failures and results_of(out) == before
    align(depth / "a.npy", out, FOUR, depth_format="npy", overwrite=True)
    assert sorted(file.name for file in (out / "depth").iterdir()) == ["a.json", "a.npy"]


@pytest.mark.parametrize("stop_at", ["a.json", "b.json", "b.npy"])
def test_a_stopped_alignment_goes_on(tmp_path, depth, monkeypatch, stop_at):
    out, write = tmp_path / "out", depth_metadata.write_bytes
    for name in "ab":
        write_depth(tmp_path / f"known/{name}.npy", np.full((36, 48), 3.0))
    known = AlignOptions(path=tmp_path / "known", model="scale")

    def stop(path, data, write=write):
        if path.name == stop_at:
            raise KeyboardInterrupt
        write(path, data)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(depth_metadata, "write_bytes", stop)
        patched.setattr(depth_io, "write_npy", partial(stop, write=depth_io.write_npy))
        align(depth, out, known, depth_format="npy")
    for _ in range(2):
        assert set(align(depth, out, known, depth_format="npy").alignments) == {"a", "b"}
    assert set(json.loads((out / "alignment.json").read_text())) == {"a", "b"}
    assert [read_depth(out / f"depth/{name}.npy")[0, 0] for name in "ab"] == [3, 3]
    np.save(out / "depth/b.npy", np.ones((36, 48)))
    with pytest.raises(RunError, match="results of 1 of these"):
        align(depth, out, known, depth_format="npy")
