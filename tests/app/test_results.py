import json

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from mono.app.results import saved_results
from mono.app.server import App
from mono.cli.main import main
from mono.data.camera_source import CameraResolver
from mono.data.folder import find_images
from mono.do_test import run
from mono.io.depth import read_depth
from mono.runs.options import RunOptions
from tests.app.server import ask, photo, running
from tests.toys import toy_predictor


def test_results_of_a_run_open_without_a_model(tmp_path):
    (tmp_path / "a.png").write_bytes(photo(suffix=".png"))
    out = tmp_path / "out"
    run(
        find_images([str(tmp_path / "a.png")]),
        toy_predictor(),
        RunOptions(out, resolver=CameraResolver(focal_px=500.0)),
    )
    with running(App({}, ready=saved_results(out))) as port:
        assert json.loads(ask(port, "GET", "/api/info")[2])["results"] == ["a"]
        status, _, body = ask(port, "POST", "/api/results?name=a")
        found = json.loads(body)
        assert status == 200 and found["focal_px"] == 500 and found["model"] == "toy"
        assert "confidence" not in found["layers"] and "depth" in found["layers"]
        depth = np.frombuffer(ask(port, "GET", f"/api/photos/{found['id']}/depth")[2], "<f4").reshape(480, 640)
        np.testing.assert_array_equal(depth, read_depth(out / "depth" / "a.png"))
        assert ask(port, "GET", f"/api/photos/{found['id']}/files/mesh.glb")[0] == 200
        assert ask(port, "POST", "/api/results?name=../a")[0] == 404
        status, _, body = ask(port, "POST", "/api/photos", photo())
        assert status == 400 and "results of a run are shown" in json.loads(body)["error"]
        (out / "depth" / "a.png").unlink()
        status, _, body = ask(port, "POST", "/api/results?name=a")
        assert status == 400 and "its depth is missing" in json.loads(body)["error"]


def test_a_folder_without_results_is_explained(tmp_path, capsys):
    assert main(["view", str(tmp_path)]) == 2
    assert "holds no results (manifest.jsonl is missing)" in capsys.readouterr().err


def test_a_recording_holds_photos_depth_and_cameras(tmp_path, capsys):
    chunks = pytest.importorskip("rerun.chunk")
    (tmp_path / "a.png").write_bytes(photo(suffix=".png"))
    out, file = tmp_path / "out", tmp_path / "a.rrd"
    run(
        find_images([str(tmp_path / "a.png")]),
        toy_predictor(),
        RunOptions(out, resolver=CameraResolver(focal_px=500.0)),
    )
    assert main(["view", str(out), "--rerun", str(file)]) == 0 and "1 photo; open it" in capsys.readouterr().out
    found = {}
    for chunk in chunks.RrdReader(str(file)).stream():
        columns = chunk.to_record_batch().to_pydict()
        found |= {name: values for name, values in columns.items() if ":" in name}
    depth = read_depth(out / "depth" / "a.png")
    blob = np.concatenate([np.asarray(b, np.uint8).ravel() for b in found["DepthImage:buffer"][0]])
    np.testing.assert_array_equal(blob.view("<f4").reshape(480, 640), depth)
    matrix = np.reshape(found["Pinhole:image_from_camera"][0][0], (3, 3)).T
    np.testing.assert_allclose(matrix, [[500, 0, 320], [0, 500, 240], [0, 0, 1]])
    assert found["DepthImage:meter"][0][0] == 1.0
    assert main(["view", str(out), "--rerun", str(tmp_path / "a.png")]) == 2


def test_the_manifest_of_a_run_in_progress_stays_as_it_is(tmp_path):
    line = {"name": "a", "status": "ok", "outputs": {"depth": "depth/a.png"}, "path": "a.png"}
    half = json.dumps(line) + "\n" + json.dumps(line) + '\n{"name": "b", "sta'
    (tmp_path / "manifest.jsonl").write_text(half)
    assert list(saved_results(tmp_path)) == ["a"]
    assert (tmp_path / "manifest.jsonl").read_text() == half
