"""Comparing with another model: the held photo and its camera, not a file, are predicted again."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from mono import load_model
from mono.app.photos import OpenPhoto, read_upload
from mono.app.server import App
from mono.cli.main import main
from mono.data.camera_source import CameraResolver
from tests.app.server import ExactModel, ask, exact, measured, photo, running
from tests.toys import toy_predictor

LEUVEN = Path(__file__).parents[2] / "data" / "wild_demo" / "leuven.jpg"


class Canonical(ExactModel):
    """Depth that follows the focal length of the camera, of the given image alone; keeps what it was given."""

    def predict(self, image, found):
        self.image, self.found = image, found
        prediction = super().predict(image, found)
        depth = prediction.depth * np.float32(found.camera.focal / 100)
        return replace(prediction, depth=depth, error_scale=1.3, focal_error=found.focal_error)


def opened(port, path="/api/photos?name=a.jpg", body=None):
    status, _, answer = ask(port, "POST", path, photo(suffix=".png") if body is None else body)
    assert status == 200, answer
    return json.loads(answer)


def depth(port, found):
    return np.frombuffer(ask(port, "GET", f"/api/photos/{found['id']}/depth")[2], "<f4").reshape(480, 640)


def test_the_held_pixels_and_camera_are_predicted_again():
    other = Canonical()
    app = App({"exact": ExactModel(), "other": other}, CameraResolver())
    with running(app) as port:
        one = opened(port)
        two = opened(port, f"/api/photos/{one['id']}/compare?model=other", b"")
        assert (two["model"], two["name"], two["id"] != one["id"]) == ("other", "a.jpg", True)
        np.testing.assert_array_equal(other.image, app.store.get(one["id"]).rgb)
        same = ("camera", "camera_source", "camera_detail", "focal_px", "width", "height")
        assert {key: two[key] for key in same} == {key: one[key] for key in same}
        assert two["camera_source"] == "assumed" and two["focal_error"] == 0.25
        np.testing.assert_allclose(depth(port, two), exact().depth * (one["focal_px"] / 100), rtol=1e-6)
        again = ask(port, "GET", f"/api/photos/{two['id']}")
        assert again[0] == 200 and json.loads(again[2]) == two  # kept as any photo


def test_a_corrected_focal_length_goes_to_the_network():
    app = App({"exact": ExactModel(), "other": Canonical()}, CameraResolver(focal_px=400.0))
    with running(app) as port:
        one = opened(port)
        two = opened(port, f"/api/photos/{one['id']}/compare?model=other&focal_px=600", b"")
        assert (two["focal_px"], two["camera_source"], two["focal_error"]) == (600, "given", 0)
        assert two["camera_detail"] == "given in the app (was given: given: focal length 400 px)"
        np.testing.assert_allclose(depth(port, two), exact().depth * 6, rtol=1e-6)
        assert app.store.get(one["id"]).prediction.camera.focal == 400


def test_a_lens_is_not_undistorted_again_and_its_file_stays_known(tmp_path):
    lens = {"fx": 500, "fy": 500, "cx": 319.5, "cy": 239.5, "width": 640, "height": 480, "distortion": [-0.25, 0.05]}
    (tmp_path / "lens.json").write_text(json.dumps(lens))
    resolver, other = CameraResolver(camera_file=tmp_path / "lens.json"), Canonical()
    rgb, found = read_upload(photo(suffix=".png"), "a.png", resolver)
    with running(App({"toy": toy_predictor(), "other": other}, resolver)) as port:
        one = opened(port)
        opened(port, f"/api/photos/{one['id']}/compare?model=other", b"")
    np.testing.assert_array_equal(other.image, rgb)
    assert other.found == found and found.file == tmp_path / "lens.json" and not found.camera.is_distorted


def test_an_estimated_focal_length_keeps_its_error():
    held = replace(exact(), camera_source="estimated", camera_detail="by the picture", focal_error=0.11)
    app = App({"other": Canonical()}, ready={"a": lambda: OpenPhoto("a", np.zeros((480, 640, 3), np.uint8), held, "x")})
    with running(app) as port:
        one = opened(port, "/api/results?name=a", b"")
        two = opened(port, f"/api/photos/{one['id']}/compare?model=other", b"")
    assert (two["camera_source"], two["focal_error"]) == ("estimated", 0.11)


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("none/compare?model=exact", 404, "this photo is not held any more: open it again"),
        ("ID/compare?model=nope", 404, "there is no model 'nope' here; loaded are exact"),
        ("ID/compare?model=exact&focal_px=0", 400, "the focal length is changed by a factor of 0; give 0.02 to 50"),
        ("ID/compare?model=exact&focal_px=nan", 400, "focal_px is 'nan'; it must be a finite number"),
        ("ID/compare?model=exact&focal_px=1e9", 400, "the focal length is changed by a factor of 2.5e+06; give 0.02"),
    ],
)
def test_what_cannot_be_compared_is_explained(served, query, status, message):
    app, port = served
    one, calls = opened(port), app.predictors["exact"].calls
    answer = ask(port, "POST", f"/api/photos/{query.replace('ID', one['id'])}")
    assert answer[0] == status and json.loads(answer[2])["error"].startswith(message)
    assert app.predictors["exact"].calls == calls


def test_results_of_a_run_have_nothing_to_compare_with():
    held = OpenPhoto("a", np.zeros((480, 640, 3), np.uint8), exact(), "x")
    with running(App({}, ready={"a": lambda: held})) as port:
        one = opened(port, "/api/results?name=a", b"")
        status, _, body = ask(port, "POST", f"/api/photos/{one['id']}/compare?model=lite")
    assert status == 400
    wrong = "there is no model here: results of a run are shown; metricdepth app predicts photos"
    assert json.loads(body) == {"error": wrong}


@pytest.mark.parametrize("focal", [None, 900])
def test_a_second_model_measures_as_the_command_line_does(focal, capsys):
    pixel, flags = [150, 400], [] if focal is None else ["--focal-px", str(focal)]
    line = ["measure", str(LEUVEN), "150,400", "--model", "lite_detail", "--json", "--backend", "eager"]
    assert main([*line, "--device", "cpu", *flags]) == 0
    expected = json.loads(capsys.readouterr().out)
    models = {"exact": ExactModel(), "lite_detail": load_model("lite_detail", device="cpu")}
    with running(App(models)) as port:
        one = opened(port, "/api/photos?name=leuven.jpg", LEUVEN.read_bytes())
        query = "" if focal is None else f"&focal_px={focal}"
        two = opened(port, f"/api/photos/{one['id']}/compare?model=lite_detail{query}", b"")
        found = measured(port, two, [{"pixels": [pixel]}], focal_px=two["focal_px"])[0]
    np.testing.assert_allclose(found["points"], expected["points"], rtol=1e-4)
    assert found["relative_error"] == pytest.approx(expected["relative_error"], abs=2e-4)
    if focal is None:
        assert found["points"][0][2] == pytest.approx(20.65, abs=0.02) and two["camera_source"] == "exif"
