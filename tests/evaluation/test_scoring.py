"""Surface normals and confidence, from the annotation through a run to the table, metrics.json and the page."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from mono.cli.evaluate import say_metrics
from mono.cli.main import main
from mono.data.annotations import load_annotations
from mono.data.camera_source import ResolvedCamera
from mono.data.ground_truth import GroundTruth, ground_truth_camera
from mono.data.sample import Sample
from mono.do_test import run
from mono.evaluation.protocols import Protocol, get_protocol
from mono.evaluation.scoring import ImagePrediction, score_image, score_normals
from mono.geometry.camera import Camera
from mono.geometry.normals import normals_from_depth
from mono.io.depth import write_depth
from mono.model.depth_model import NetworkOutput
from mono.runs.options import RunOptions
from mono.runs.outputs import OutputOptions
from mono.runs.score_saved import score_saved
from mono.system.errors import RunError
from tests.toys import toy_predictor

CAMERA = Camera(60.0, 60.0, 23.5, 17.5, 48, 36)


def wall(camera=CAMERA):
    """Depth [m] of a plane of normal (0.6, 0, -0.8), 2 m away along the axis."""
    return (2 * 0.8 / (0.8 - 0.6 * camera.rays()[..., 0])).astype(np.float32)


NORMAL = np.tile(np.float32([0.6, 0, -0.8]), (36, 48, 1))


class Walls(torch.nn.Module):
    """Says the plane's depth, 10 % too far in the right half, where its confidence is low; and perhaps a normal."""

    def __init__(self, normal=None):
        super().__init__()
        self.normal = normal

    def forward(self, image):
        height, width = image.shape[-2:]
        view = toy_predictor().transform.view(CAMERA)
        depth = torch.from_numpy(view.depth_to_canonical(wall()))[None, None]
        assert depth.shape[-2:] == (height, width)
        right = (torch.arange(width) >= width / 2).float().expand(depth.shape)
        normal = None if self.normal is None else torch.tensor(self.normal).view(1, 3, 1, 1).expand(1, 3, height, width)
        sure = 0.9 - 0.5 * right
        return NetworkOutput(depth * (1 + 0.1 * right), sure, normal, None if normal is None else sure)


def predictor(normal=None):
    return replace(toy_predictor(), network=Walls(normal), checksum=str(normal))


@pytest.fixture
def data(tmp_path):
    """Three images: of depth and normals, of depth alone, of normals alone (in the other frame)."""
    for i in range(3):
        PIL.Image.fromarray(np.full((36, 48, 3), 40 * i, np.uint8)).save(tmp_path / f"{i}.png")
    np.save(tmp_path / "depth.npy", wall())
    np.save(tmp_path / "normal.npy", NORMAL)
    np.save(tmp_path / "gl.npy", NORMAL * np.float32([1, -1, -1]))
    entries = [{"depth": "depth.npy", "normal": "normal.npy"}, {"depth": "depth.npy"}]
    entries += [{"normal": "gl.npy", "normal_frame": "opengl"}]
    entries = [{"rgb": f"{i}.png", "cam_in": list(CAMERA.intrinsics), **entry} for i, entry in enumerate(entries)]
    (tmp_path / "a.json").write_text(json.dumps({"files": entries}))
    return tmp_path


def options(folder, **values):
    return RunOptions(folder / "out", OutputOptions(()), **{"protocol": get_protocol("none")} | values)


def test_a_networks_normals_meet_annotated_ones(data):
    samples = load_annotations(data / "a.json")
    summary = run(samples, predictor((0.0, 0.0, -1.0)), options(data))
    assert list(summary.normals) == ["0.png", "2.png"]  # the second has none, and none are to be derived
    for image in summary.normals.values():
        assert (image.predicted, image.ground_truth) == ("network", "annotation")
        assert image.metrics.pixels == 36 * 48
        assert image.metrics.mean == pytest.approx(36.87, abs=1e-2)  # acos 0.8
        assert (image.metrics.under_30, image.metrics.under_22_5) == (0, 0)
    assert set(summary.metrics) == {"0.png", "1.png", "2.png"} and summary.metrics["2.png"] is None
    again = run(samples, predictor((0.0, 0.0, -1.0)), options(data))
    assert again.skipped == 3 and again.normals == summary.normals


def test_derived_truth_and_normals_from_depth_are_called_so(data):
    samples = load_annotations(data / "a.json")
    summary = run(samples, predictor(), options(data, derive_normals=True))
    found = {name: (image.predicted, image.ground_truth) for name, image in summary.normals.items()}
    assert found == {
        "0.png": ("depth", "annotation"),
        "1.png": ("depth", "depth"),
        "2.png": ("depth", "annotation"),
    }
    # A factor of depth does not turn a plane, so only where the factor changes normals are wrong.
    for image in summary.normals.values():
        assert image.metrics.median < 1 and image.metrics.under_5 > 0.8
    assert summary.normals["1.png"].metrics.pixels == 34 * 46  # the border has no neighbourhood


def test_settings_decide_what_is_redone(data):
    samples = load_annotations(data / "a.json")
    assert run(samples, predictor(), options(data)).done == 3
    with pytest.raises(RunError, match="another protocol or other evaluation settings"):
        run(samples, predictor(), options(data, derive_normals=True))
    assert run(samples, predictor(), options(data, derive_normals=True, overwrite=True)).done == 3
    np.save(data / "normal.npy", -NORMAL)
    summary = run(samples, predictor(), options(data, derive_normals=True))
    assert (summary.done, summary.skipped) == (1, 2)
    assert summary.normals["0.png"].metrics.median > 170


def test_crop_and_range_hold_for_normals_too(data):
    protocol = Protocol("own", max_depth=1.9, crop=(0.5, 1, 0, 1))  # nearer than 1.9 m: the plane's left part
    near = (wall() < 1.9)[18:].sum()
    summary = run(load_annotations(data / "a.json"), predictor((0.6, 0.0, -0.8)), options(data, protocol=protocol))
    assert 0 < near < 18 * 48
    assert summary.normals["0.png"].metrics.pixels == near
    assert summary.normals["2.png"].metrics.pixels == 18 * 48  # no depth, so no range


def test_sparse_truth_is_refused(data, capsys):
    with pytest.raises(RunError, match="sparse ground truth of protocol kitti_eigen"):
        options(data, protocol=get_protocol("kitti_eigen"), derive_normals=True)
    with pytest.raises(RunError, match="sparse ground truth of protocol kitti_eigen"):
        score_saved([], data, get_protocol("kitti_eigen"), derive_normals=True)
    np.save(data / "depth.npy", np.where(np.random.default_rng(0).random((36, 48)) < 0.3, wall(), 0))
    summary = run(load_annotations(data / "a.json"), predictor(), options(data, derive_normals=True))
    assert not summary.failures and summary.metrics["1.png"]
    assert summary.normals["1.png"] is None and summary.normals["0.png"]


def test_a_wrong_map_of_normals_fails_its_image_only(data):
    np.save(data / "normal.npy", np.tile(np.float32([0, 0, -1]), (48, 36, 1)))
    summary = run(load_annotations(data / "a.json"), predictor(), options(data))
    assert summary.done == 2
    assert [name for name, _ in summary.failures] == ["0.png"] and "of another shape" in summary.failures[0][1]


def test_what_the_command_says_and_keeps(data, capsys):
    chosen = options(data, derive_normals=True, report=True)
    walls = predictor()
    say_metrics(run(load_annotations(data / "a.json"), walls, chosen), chosen, walls, "walls")
    message = capsys.readouterr().out
    annotated, derived = "against annotated ground truth, 2 images", "against ground truth derived from depth, 1 image"
    for label in (annotated, derived):
        assert f"normals: normals from predicted depth {label}" in message
    assert message.index(annotated) < message.index(derived)
    assert message.count("mean over images") == message.count("pooled over pixels") == 2
    assert "confidence: Surer pixels are really better. The surest tenth of the pixels has AbsRel 0.0" in message
    found = json.loads((data / "out" / "metrics.json").read_text())
    first, second = found["normals"]["groups"]
    assert (first["predicted"], first["ground_truth"], first["images"]) == ("depth", "annotation", 2)
    assert (second["predicted"], second["ground_truth"], second["images"]) == ("depth", "depth", 1)
    assert first["pooled_over_pixels"]["pixels"] == 2 * 36 * 48
    assert set(found["normals"]["per_image"]) == {"0.png", "1.png", "2.png"}
    tenths = found["confidence"]["tenths"]
    assert tenths[0]["abs_rel"] == pytest.approx(0.1, abs=2e-3) and tenths[0]["confidence"] == pytest.approx(0.4)
    assert tenths[-1]["abs_rel"] == pytest.approx(0, abs=2e-3) and tenths[-1]["confidence"] == pytest.approx(0.9)
    page = (data / "out" / "report.html").read_text()
    assert "Normals from predicted depth against ground truth derived from depth, 1 image" in page
    assert "Confidence against error." in page and "Angles of normals." in page


def test_normals_alone_are_enough(data, capsys):
    (data / "a.json").write_text(json.dumps([{"rgb": "0.png", "normal": "normal.npy"}]))
    chosen, walls = options(data, report=True), predictor((0.6, 0.0, -0.8))
    say_metrics(run(load_annotations(data / "a.json"), walls, chosen), chosen, walls, "walls")
    message = capsys.readouterr().out
    assert (
        message.startswith("\nprotocol none")
        and "the network's normals against annotated ground truth, 1 image" in message
    )
    assert "AbsRel" not in message
    found = json.loads((data / "out" / "metrics.json").read_text())
    assert found["normals"]["groups"][0]["per_image_mean"]["mean"] < 0.1 and found["images"] == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_saved_normals_are_scored(data, workers):
    save = OutputOptions(("depth", "normal"), "npy")
    samples = load_annotations(data / "a.json")
    first = run(samples, predictor((0.0, 0.0, -1.0)), replace(options(data, derive_normals=True), output=save))
    again = score_saved(samples, data / "out", get_protocol("none"), workers, derive_normals=True)
    assert not again.failures
    for name, image in first.normals.items():
        assert again.normals[name].metrics.mean == pytest.approx(image.metrics.mean, abs=1e-2)
        assert (again.normals[name].predicted, again.normals[name].ground_truth) == ("network", image.ground_truth)
    assert {name: tiers for name, tiers in first.metrics.items() if tiers} == again.metrics


def test_saved_depth_gives_normals_with_the_camera_beside_it(data):
    (data / "out").mkdir()
    samples = load_annotations(data / "a.json")
    for i in range(3):
        write_depth(data / "out" / f"{i}.npy", wall())
    scores = score_saved(samples, data / "out", get_protocol("none"))
    assert list(scores.normals) == ["0.png", "2.png"] and list(scores.metrics) == ["0.png", "1.png"]
    assert scores.normals["0.png"].predicted == "depth"
    assert scores.normals["0.png"].metrics.mean < 0.5
    other = replace(CAMERA, fx=30.0, fy=30.0)
    for i in range(3):
        (data / "out" / f"{i}.npy").unlink()
        write_depth(data / "out" / f"{i}.png", wall(), other)
    wrong = score_saved(samples, data / "out", get_protocol("none")).normals["0.png"].metrics
    geometry = normals_from_depth(wall(), other)[18, 24]
    assert wrong.median == pytest.approx(np.degrees(np.arccos(geometry @ NORMAL[0, 0])), abs=1)
    assert wrong.median > 10


def test_normals_of_another_program(data):
    (data / "out" / "normal").mkdir(parents=True)
    samples = load_annotations(data / "a.json")
    for i in range(3):
        np.save(data / "out" / f"{i}.npy", wall())
        np.save(data / "out" / "normal" / f"{i}.npy", np.tile(np.float32([0.8, 0, -0.6]), (18, 24, 1)))
    image = score_saved(samples, data / "out", get_protocol("none")).normals["0.png"]
    assert (image.predicted, image.ground_truth) == ("saved", "annotation")
    assert image.metrics.mean == pytest.approx(16.26, abs=1e-2)  # acos 0.96
    (data / "out" / "normal" / "0.png").touch()
    scores = score_saved(samples, data / "out", get_protocol("none"))
    assert [name for name, _ in scores.failures] == ["0.png"] and "several predicted normals" in scores.failures[0][1]


def test_the_command_scores_saved_depth(data, capsys):
    (data / "out").mkdir()
    for i in range(3):
        np.save(data / "out" / f"{i}.npy", wall())
    command = ["evaluate", data / "a.json", "--pred", data / "out", "--out", data / "scores", "--workers", "1"]
    assert main([str(word) for word in [*command, "--derive-normals"]]) == 0
    message = capsys.readouterr().out
    assert "normals from predicted depth against ground truth derived from depth, 1 image" in message
    assert "confidence:" not in message  # it is not saved
    assert json.loads((data / "scores" / "metrics.json").read_text())["confidence"] is None


def test_what_is_true_does_not_change_with_flags_nor_assumptions():
    depth = Sample("a", Path("a.png"), "a.png", depth=Path("a.npy"))
    found = {s: ResolvedCamera(CAMERA, s, "") for s in ("given", "assumed", "exif", "camera file")}
    assert ground_truth_camera(depth, found["given"]) is None and ground_truth_camera(depth, found["assumed"]) is None
    assert ground_truth_camera(depth, found["exif"]) == ground_truth_camera(depth, found["camera file"]) == CAMERA
    annotated = replace(depth, intrinsics=(50.0, 51.0, 20.0, 21.0))
    assert ground_truth_camera(annotated, found["given"]) == Camera(50.0, 51.0, 20.0, 21.0, 48, 36)


def test_normals_of_another_view_are_refused():
    gt, protocol = GroundTruth(normal=NORMAL), get_protocol("none")
    assert score_normals(NORMAL[::2, ::2], "saved", gt, None, protocol, "a").metrics.mean == pytest.approx(0, abs=1e-3)
    with pytest.raises(ValueError, match="48x10, ground truth 48x36: another aspect ratio"):
        score_normals(NORMAL[:10], "saved", gt, None, protocol, "a")


def test_depth_of_an_unknown_camera_gives_no_true_normals(caplog):
    gt = GroundTruth(depth=wall())
    assert score_normals(NORMAL, "network", gt, None, get_protocol("none"), "a.png") is None
    assert "a.png: normals cannot be derived from depth of an unknown camera: annotate cam_in" in caplog.text


def test_saved_normals_alone_are_scored(data, tmp_path):
    samples = load_annotations(data / "a.json")
    out = tmp_path / "normals only"
    run(samples, predictor((0.6, 0, -0.8)), RunOptions(out=out, output=OutputOptions(save=("normal",))))
    scores = score_saved(samples, out, get_protocol("none"), derive_normals=True)
    assert not scores.failures and not scores.metrics
    assert len(scores.normals) == 3 and all(n.metrics.mean < 0.1 for n in scores.normals.values())


def test_sizes_of_scannet_show_one_view():
    """1296x968 and 640x480 differ by 0.4 % in shape, and everyone resizes one to the other."""
    gt = np.full((480, 640), 2.0, np.float32)
    score = score_image(
        ImagePrediction(np.full((968, 1296), 2.0, np.float32)), GroundTruth(depth=gt), get_protocol("none")
    )
    assert score.metrics is not None and score.metrics["metric"].abs_rel == 0
