import errno
import hashlib
import json
import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
import torch

from mono.data.annotations import load_annotations
from mono.data.camera_source import CameraResolver
from mono.data.folder import find_images
from mono.do_test import RunError, evaluate, run
from mono.evaluation.files import format_evaluation
from mono.evaluation.protocols import get_protocol
from mono.io.depth import read_depth
from mono.io.images import read_image
from mono.model.depth_model import NetworkOutput
from mono.runs.options import RunOptions
from mono.runs.outputs import KINDS, CloudOptions, OutputOptions
from tests import toys
from tests.golden.reference_values import reference_image
from tests.warm_process import WarmProcess

ROOT = Path(__file__).parents[1]
GIVEN = CameraResolver(focal_px=60.0)


def write_photos(folder, count, size=(36, 48)):
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        PIL.Image.fromarray(reference_image(*size, i)).save(folder / f"{i:03}.png")
    return folder


def files_of(out):
    """Every file of a run but the manifest (which holds times), with its content's hash."""
    files = sorted(p for p in out.rglob("*") if p.is_file() and p.name not in ("manifest.jsonl", ".lock"))
    return {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def manifest(out):
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def test_a_folder_becomes_depth_pictures_and_point_clouds(tmp_path, toy_predictor):
    samples = find_images([write_photos(tmp_path / "photos", 3)])
    options = RunOptions(out=tmp_path / "out", output=OutputOptions(("depth", "vis", "pcd")), resolver=GIVEN)
    counted = []
    summary = run(samples, toy_predictor, options, on_done=counted.append)
    assert (summary.done, summary.skipped, len(summary.failures), sum(counted)) == (3, 0, 0, 3)
    assert summary.sources == {"given": 3}
    expected = toy_predictor.predict_batch([s.rgb for s in samples])
    for sample, record, prediction in zip(samples, manifest(options.out), expected, strict=True):
        assert record["input"] == sample.source and record["status"] == "ok"
        assert record["intrinsics"][0] == 60 and record["camera_source"] == "given"
        assert record["model"] == "toy" and record["versions"]["torch"] and record["seconds"] > 0
        depth = read_depth(options.out / record["outputs"]["depth"])
        ratio = 60 / prediction.camera.focal  # predicted above with an assumed camera
        np.testing.assert_allclose(depth, prediction.depth * ratio, atol=0.001)
        assert cv2.imread(str(options.out / record["outputs"]["vis"])) is not None
        assert (options.out / record["outputs"]["pcd"]).read_bytes().startswith(b"ply\n")


def test_what_is_done_is_skipped_until_something_changes(tmp_path, toy_predictor):
    photos = write_photos(tmp_path / "photos", 4)

    def again(predictor=toy_predictor, **changes):
        values = {"out": tmp_path / "out", "resolver": GIVEN} | changes
        summary = run(find_images([photos]), predictor, RunOptions(**values))
        return summary.done, summary.skipped

    assert again() == (4, 0)
    assert again() == (0, 4)
    assert again(batch_size=3) == (0, 4)
    assert again(overwrite=True) == (4, 0)
    (tmp_path / "out" / "depth" / "002.png").unlink()
    assert again() == (1, 3)
    PIL.Image.fromarray(reference_image(36, 48, 99)).save(photos / "001.png")
    assert again() == (1, 3)
    (photos / "camera.json").write_text('{"focal_px": 50}')
    assert again() == (4, 0)
    assert again() == (0, 4)
    assert len(manifest(tmp_path / "out")) == 4


OTHER = {
    "camera flags": lambda p: (p, {"resolver": CameraResolver(focal_px=70.0)}),
    "no camera flags": lambda p: (p, {"resolver": CameraResolver()}),
    "model": lambda p: (replace(p, checksum="1" * 64), {}),
    "config": lambda p: (replace(p, architecture={"depth_range": (0.1, 20)}), {}),
    "backend": lambda p: (replace(p, backend="openvino"), {}),
    "precision": lambda p: (replace(p, precision="bfloat16"), {}),
    "depth format": lambda p: (p, {"output": OutputOptions(("depth",), "npy")}),
    "cloud": lambda p: (p, {"output": OutputOptions(("pcd",), cloud=CloudOptions(voxel_size=0.1))}),
}


@pytest.mark.parametrize("kind", OTHER)
def test_results_of_other_settings_are_refused_and_replaced_when_asked(tmp_path, toy_predictor, kind):
    samples, out = find_images([write_photos(tmp_path / "photos", 2)]), tmp_path / "out"
    run(samples, toy_predictor, RunOptions(out, OutputOptions(("depth", "vis", "pcd")), resolver=GIVEN))
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    predictor, changes = OTHER[kind](toy_predictor)
    options = RunOptions(**({"out": out, "output": OutputOptions(("depth",)), "resolver": GIVEN} | changes))
    with pytest.raises(RunError, match=r"2 of these images.*\(--out\), or --overwrite"):
        run(samples, predictor, options)
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before
    assert run(samples, predictor, replace(options, overwrite=True)).done == 2
    made = {p.parent.name for p in out.rglob("00*.*")}
    assert made == set(options.output.save)


def test_outputs_of_the_same_settings_are_added(tmp_path, toy_predictor):
    samples, out = find_images([write_photos(tmp_path / "photos", 3)]), tmp_path / "out"
    whole = RunOptions(tmp_path / "whole", OutputOptions(("depth", "vis", "pcd", "normal")), resolver=GIVEN)
    run(samples, toy_predictor, whole)
    for save in (("depth",), ("normal",), ("pcd",), ("vis",)):
        before = files_of(out)
        summary = run(samples, toy_predictor, RunOptions(out, OutputOptions(save), resolver=GIVEN))
        assert (summary.done, summary.skipped) == (3, 0)
        assert before.items() <= files_of(out).items()
    assert files_of(out) == files_of(whole.out)
    assert [r["outputs"] for r in manifest(out)] == [
        {key: r["outputs"][key] for key in ("depth", "sidecar", "normal", "normal_vis", "pcd", "vis")}
        for r in manifest(whole.out)
    ]
    assert run(samples, toy_predictor, replace(whole, out=out)).skipped == 3


class Counting(toys.ToyNetwork):
    images = 0

    def forward(self, image):
        type(self).images += len(image)
        return super().forward(image)


@pytest.mark.parametrize(("form", "runs"), [("npy", 1), ("npz", 1), ("png", 2)])
def test_the_network_runs_once_where_depth_is_saved_in_full_precision(tmp_path, toy_predictor, form, runs):
    samples, out = find_images([write_photos(tmp_path / "photos", 3)]), tmp_path / "out"
    predictor, Counting.images = replace(toy_predictor, network=Counting()), 0
    cloud = CloudOptions(edge_filter=None)  # the filter looks at the confidence, which is not saved
    for save in (("depth",), ("vis", "pcd", "normal")):
        run(samples, predictor, RunOptions(out, OutputOptions(save, form, cloud), batch_size=2, resolver=GIVEN))
    assert Counting.images == 3 * runs
    whole = RunOptions(
        tmp_path / "whole", OutputOptions(("depth", "vis", "pcd", "normal"), form, cloud), 2, resolver=GIVEN
    )
    run(samples, predictor, whole)
    assert files_of(out) == files_of(whole.out)


@pytest.mark.parametrize("mode", ["far", "keep"])
def test_points_added_later_hold_no_sky(tmp_path, toy_predictor, mode):
    samples = find_images([write_photos(tmp_path / "photos", 1)])
    predictor = replace(toy_predictor, network=toys.ToySky(), architecture={"sky": mode})
    for saves in (("depth", "pcd"),), (("depth",), ("pcd",)):
        for save in saves:
            output = OutputOptions(save, "npy", CloudOptions(edge_filter=None))
            run(samples, predictor, RunOptions(tmp_path / str(len(saves)), output, resolver=GIVEN))
    at_once, later = ((tmp_path / name / "pcd" / "000.ply").read_bytes() for name in "12")
    depth = np.load(tmp_path / "2/depth/000.npy")
    points = int(at_once.split(b"element vertex ")[1].split()[0])
    assert later == at_once and 0 < points < (depth > 0).sum()


def test_an_image_that_fails_later_keeps_what_it_has(tmp_path, toy_predictor, monkeypatch):
    samples, out = find_images([write_photos(tmp_path / "photos", 1)]), tmp_path / "out"
    run(samples, toy_predictor, RunOptions(out, OutputOptions(("depth",)), resolver=GIVEN))
    before, records = files_of(out), manifest(out)
    monkeypatch.setattr("mono.runs.outputs.write_ply", lambda *_: (_ for _ in ()).throw(OSError(5, "broken")))
    summary = run(samples, toy_predictor, RunOptions(out, OutputOptions(("vis", "pcd")), resolver=GIVEN))
    assert len(summary.failures) == 1 and summary.failures[0].source == samples[0].source
    assert files_of(out) == before and manifest(out) == records


def test_a_name_that_another_image_has_is_not_kept(tmp_path, toy_predictor):
    inside, options = write_photos(tmp_path / "in" / "deep", 1), RunOptions(tmp_path / "out", resolver=GIVEN)
    run(find_images([inside]), toy_predictor, options)
    write_photos(tmp_path / "in", 1)
    before = files_of(options.out)
    with pytest.raises(RunError, match=r"holds results of another image of the same name .*deep.*000\.png"):
        run(find_images([tmp_path / "in"], recursive=True), toy_predictor, options)
    assert files_of(options.out) == before


def test_python_evaluates_again_under_another_protocol_and_says_where_nothing_was_measured(
    tmp_path, toy_predictor, caplog
):
    photos, out = write_photos(tmp_path, 1), tmp_path / "out"
    (photos / "none.json").write_text(json.dumps({"files": [{"rgb": "000.png"}]}))
    assert not evaluate(photos / "none.json", toy_predictor, out=tmp_path / "none").scored
    assert "none.json: nothing was measured, and no metrics.json written: no image" in caplog.text
    assert not (tmp_path / "none" / "metrics.json").exists()
    np.save(photos / "000.npy", np.full((36, 48), 3, np.float32))
    (photos / "a.json").write_text(json.dumps({"files": [{"rgb": "000.png", "depth": "000.npy"}]}))
    evaluate(photos / "a.json", toy_predictor, out=out)
    with pytest.raises(RunError, match=r"another protocol or other evaluation settings .*overwrite"):
        evaluate(photos / "a.json", toy_predictor, out=out, protocol="ibims")
    evaluate(photos / "a.json", toy_predictor, out=out, protocol="ibims", overwrite=True)
    assert json.loads((out / "metrics.json").read_text())["protocol"]["name"] == "ibims"


def test_a_changed_photo_whose_former_results_would_stay_is_refused(tmp_path, toy_predictor):
    photos, out = write_photos(tmp_path / "photos", 2), tmp_path / "out"
    run(find_images([photos]), toy_predictor, RunOptions(out, OutputOptions(("depth", "vis")), resolver=GIVEN))
    PIL.Image.fromarray(reference_image(36, 48, 99)).save(photos / "001.png")
    before = files_of(out)
    with pytest.raises(RunError, match=r"1 image changed since .*; their vis would stay as they were"):
        run(find_images([photos]), toy_predictor, RunOptions(out, OutputOptions(("depth",)), resolver=GIVEN))
    assert files_of(out) == before


def test_a_protocol_redoes_no_photo_without_ground_truth(tmp_path, toy_predictor):
    samples = find_images([write_photos(tmp_path / "photos", 1)])
    options = RunOptions(tmp_path / "out", OutputOptions(("depth",)), resolver=GIVEN)
    assert run(samples, toy_predictor, options).done == 1
    assert run(samples, toy_predictor, replace(options, protocol=get_protocol("none"), report=True)).skipped == 1


def test_a_run_that_is_stopped_while_it_redoes_vouches_for_nothing_old(tmp_path, toy_predictor):
    samples = find_images([write_photos(tmp_path / "photos", 3)])
    options = RunOptions(out=tmp_path / "out", resolver=GIVEN)
    run(samples, toy_predictor, options)

    class Stopped(type(toy_predictor.network)):
        def forward(self, image):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(samples, replace(toy_predictor, network=Stopped()), replace(options, overwrite=True))
    assert manifest(tmp_path / "out") == []
    assert run(samples, toy_predictor, options).done == 3


def test_results_of_other_images_are_not_replaced(tmp_path, toy_predictor):
    for folder in ("one", "two"):
        write_photos(tmp_path / folder, 1)
    options = RunOptions(out=tmp_path / "out", resolver=GIVEN)
    run(find_images([tmp_path / "one"]), toy_predictor, options)
    with pytest.raises(RunError, match=r"another image of the same name .*one/000.png"):
        run(find_images([tmp_path / "two"]), toy_predictor, options)
    assert run(find_images([tmp_path / "two"]), toy_predictor, replace(options, overwrite=True)).done == 1


def test_one_run_at_a_time_in_a_folder(tmp_path, toy_predictor):
    samples = find_images([write_photos(tmp_path / "photos", 1)])
    options = RunOptions(out=tmp_path / "out", resolver=GIVEN)
    refused = []

    def second(count):
        with pytest.raises(RunError, match="another run is writing") as raised:
            run(samples, toy_predictor, options)
        refused.append(raised.value)

    assert run(samples, toy_predictor, options, on_done=second).done == 1
    assert refused


def test_an_image_that_fails_stops_no_other(tmp_path, toy_predictor):
    photos = write_photos(tmp_path / "photos", 5)
    (photos / "001.png").write_bytes(b"")
    (photos / "003.png").write_text("no picture")
    for batch_size in (1, 2, 5):
        options = RunOptions(out=tmp_path / f"out{batch_size}", batch_size=batch_size, resolver=GIVEN)
        summary = run(find_images([photos]), toy_predictor, options)
        assert (summary.done, len(summary.failures)) == (3, 2)
        assert [Path(source).name for source, _ in summary.failures] == ["001.png", "003.png"]
        records = manifest(options.out)
        assert sorted(r["status"] for r in records) == ["failed", "failed", "ok", "ok", "ok"]
        assert all(r["error"] for r in records if r["status"] == "failed")
        assert not list(options.out.rglob("00[13]*"))
        PIL.Image.fromarray(reference_image(36, 48, 1)).save(photos / "001.png")
        assert run(find_images([photos]), toy_predictor, options).done == 1
        (photos / "001.png").write_bytes(b"")


def test_an_image_that_fails_half_way_leaves_no_files(tmp_path, toy_predictor, monkeypatch):
    photos = write_photos(tmp_path / "photos", 1)
    monkeypatch.setattr("mono.runs.outputs.write_ply", lambda *_: (_ for _ in ()).throw(OSError(5, "broken")))
    options = RunOptions(out=tmp_path / "out", output=OutputOptions(("depth", "vis", "pcd")), resolver=GIVEN)
    assert len(run(find_images([photos]), toy_predictor, options).failures) == 1
    assert not list(options.out.rglob("000*"))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_full_disk_stops_the_run_and_the_next_one_goes_on(tmp_path, toy_predictor, monkeypatch, code, workers):
    samples, tried = find_images([write_photos(tmp_path / "photos", 20)]), []

    def write(path, *_):
        tried.append(path.stem)
        if path.stem >= "003":
            raise OSError(code, os.strerror(code), str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"whole")

    monkeypatch.setattr("mono.runs.outputs.write_image", write)
    options = RunOptions(tmp_path / "out", OutputOptions(("depth", "vis")), resolver=GIVEN, workers=workers)
    with pytest.raises(RunError, match=rf"cannot write into .*out: {os.strerror(code)}; when that is solved, the same"):
        run(samples, toy_predictor, options)
    assert [record["name"] for record in manifest(options.out)] == ["000", "001", "002"] and len(tried) < 12
    monkeypatch.undo()
    summary = run(samples, toy_predictor, options)
    assert (summary.done, summary.skipped, summary.failures) == (17, 3, ())


def test_a_batch_that_fails_as_a_whole_is_tried_one_by_one(tmp_path, toy_predictor):
    class Fragile(type(toy_predictor.network)):
        def forward(self, image):
            if len(image) > 1:
                raise RuntimeError("out of memory")
            return super().forward(image)

    fragile = replace(toy_predictor, network=Fragile())
    photos = write_photos(tmp_path / "photos", 3)
    summary = run(find_images([photos]), fragile, RunOptions(out=tmp_path / "out", batch_size=3, resolver=GIVEN))
    assert (summary.done, len(summary.failures)) == (3, 0)


def test_ground_truth_gives_metrics_and_resuming_keeps_them(tmp_path, toy_predictor):
    write_photos(tmp_path / "rgb", 3)
    (tmp_path / "depth").mkdir()
    entries = []
    for i in range(3):
        image = np.asarray(PIL.Image.open(tmp_path / "rgb" / f"{i:03}.png"))
        predicted = toy_predictor.predict(image, GIVEN.resolve(48, 36))
        gt = np.zeros_like(predicted.depth) if i == 2 else predicted.depth / 1.1
        np.save(tmp_path / "depth" / f"{i}.npy", gt)
        entries.append({"rgb": f"rgb/{i:03}.png", "depth": f"depth/{i}.npy", "cam_in": [60, 60, 23.5, 17.5]})
    (tmp_path / "annotations.json").write_text(json.dumps({"files": entries}))
    options = RunOptions(out=tmp_path / "out", output=OutputOptions(()), protocol=get_protocol("none"))
    samples = load_annotations(tmp_path / "annotations.json")
    first = run(samples, toy_predictor, options)
    again = run(samples, toy_predictor, options)
    assert (first.done, again.done, again.skipped) == (3, 0, 3)
    assert again.metrics == first.metrics and len(first.metrics) == 3
    values = list(first.metrics.values())
    assert values[2] is None
    for tiers in values[:2]:
        assert tiers["metric"].abs_rel == pytest.approx(0.1, rel=1e-4)
        assert tiers["median"].abs_rel == pytest.approx(0, abs=1e-5)
    (tmp_path / "rgb" / "001.png").write_bytes(b"damaged")
    failed = run(samples, toy_predictor, options)
    assert (failed.unscored, len(failed.failures), first.unscored) == (1, 1, 0)
    assert "\n1 of 2 images with ground truth\n" in format_evaluation(failed, get_protocol("none"))
    PIL.Image.fromarray(image).save(tmp_path / "rgb" / "001.png")
    nearer = replace(options, protocol=replace(get_protocol("none"), max_depth=5.0))
    with pytest.raises(RunError, match="another protocol"):
        run(samples, toy_predictor, nearer)
    assert run(samples, toy_predictor, replace(nearer, overwrite=True)).done == 3
    assert run(samples, toy_predictor, nearer).skipped == 3


def test_threads_change_nothing_but_the_time(tmp_path, toy_predictor):
    photos = write_photos(tmp_path / "photos", 7)
    (photos / "003.png").write_bytes(b"")
    (photos / "005.png").unlink()
    PIL.Image.fromarray(reference_image(40, 30, 5)).save(photos / "005.png")  # goes through the network alone
    samples, found = find_images([photos]), []
    for workers, batch_size in ((0, 1), (3, 1), (0, 3), (3, 3)):
        out = tmp_path / f"{workers}_{batch_size}"
        options = RunOptions(out, OutputOptions(("depth", "vis", "pcd", "normal")), batch_size, workers, resolver=GIVEN)
        summary = run(samples, toy_predictor, replace(options, focal_sweep=(50.0,)))
        records = [{k: v for k, v in r.items() if k != "seconds"} for r in manifest(out)]
        found.append((files_of(out), summary.done, summary.failures, [r["name"] for r in records], records))
    assert found[0][1] == 6 and len(found[0][0]) == 6 * 8
    assert found[1] == found[0] and found[3] == found[2] and found[2][:3] == found[0][:3]
    assert found[0][3] == [f"{i:03}" for i in range(7)]
    assert found[2][3] == ["000", "001", "002", "003", "004", "005", "006"]


def test_images_wait_in_no_long_queue(tmp_path, toy_predictor, monkeypatch):
    samples = find_images([write_photos(tmp_path / "photos", 40)])
    read, written, apart = [], [], []
    monkeypatch.setattr("mono.data.sample.read_image", lambda path: (read.append(path), read_image(path))[1])

    def count(finished):
        written.extend([None] * finished)
        apart.append(len(read) - len(written))

    run(samples, toy_predictor, RunOptions(tmp_path / "out", batch_size=2, workers=2, resolver=GIVEN), on_done=count)
    assert len(written) == 40 and max(apart) <= 2 * (2 + 2) + 2 + 1


def test_an_interrupted_run_writes_nothing_any_more(tmp_path, toy_predictor):
    samples = find_images([write_photos(tmp_path / "photos", 30)])

    def stop(count):
        if count:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(samples, toy_predictor, RunOptions(tmp_path / "out", resolver=GIVEN), on_done=stop)
    before = files_of(tmp_path / "out")
    time.sleep(0.1)
    assert files_of(tmp_path / "out") == before and len(manifest(tmp_path / "out")) == 1
    assert run(samples, toy_predictor, RunOptions(tmp_path / "out", resolver=GIVEN)).done == 29


def test_a_focal_sweep_writes_a_cloud_for_each_focal_length(tmp_path, toy_predictor):
    photos = write_photos(tmp_path / "photos", 1)
    options = RunOptions(
        out=tmp_path / "out", output=OutputOptions(()), focal_sweep=(50.0, 100.0), resolver=CameraResolver()
    )
    assert run(find_images([photos]), toy_predictor, options).done == 1
    assert manifest(options.out)[0]["outputs"]["focal_sweep"] == [
        "focal_sweep/50px/000.ply",
        "focal_sweep/100px/000.ply",
    ]
    depths = []
    for focal in (50, 100):
        data = (options.out / f"focal_sweep/{focal}px/000.ply").read_bytes().split(b"end_header\n", 1)[1]
        vertices = np.frombuffer(data, [("xyz", "<f4", 3), ("rgb", "u1", 3)])
        depths.append(vertices["xyz"][:, 2])
    np.testing.assert_allclose(depths[1], 2 * depths[0], rtol=1e-5)


def test_runs_that_cannot_start(tmp_path, toy_predictor):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="cannot write into"):
        run([], toy_predictor, RunOptions(out=tmp_path / "file"))
    for wrong, message in (
        ({"batch_size": 0}, "batch size is 0"),
        ({"workers": -1}, "number of workers is -1"),
        ({"focal_sweep": (500.0, -1.0)}, "focal sweep holds -1"),
        ({"focal_sweep": (500.0, 500.0)}, "a focal length twice"),
    ):
        with pytest.raises(RunError, match=message):
            RunOptions(out=tmp_path, **wrong)


@pytest.mark.parametrize(
    ("count", "batch_size", "kills"), [(60, 1, 3), (60, 3, 2), pytest.param(200, 1, 10, marks=pytest.mark.slow)]
)
def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path, count, batch_size, kills):
    photos = write_photos(tmp_path / "photos", count)

    def start(out):
        return WarmProcess("tests.toys", photos, out, batch_size)

    assert start(tmp_path / "whole").wait() == 0
    expected = files_of(tmp_path / "whole")
    assert len(expected) == 4 * count  # depth, its sidecar, picture and point cloud

    out, chance = tmp_path / "killed", random.Random(batch_size)
    goals = sorted(chance.sample(range(1, 9 * count // 10), kills))
    for goal in goals:
        process = start(out)
        while process.poll() is None and (not out.exists() or len(list(out.glob("pcd/*.ply"))) < goal):
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert start(out).wait() == 0
    assert files_of(out) == expected
    names = [record["name"] for record in manifest(out)]
    assert len(names) == len(set(names)) == count


def test_a_photo_of_nothing_but_sky_is_done_without_depth(tmp_path, toy_predictor, caplog):
    class Sky(toys.ToyNetwork):
        share = 1.0

        def forward(self, image):
            depth, confidence = super().forward(image)[:2]
            sky = torch.zeros_like(depth)
            sky[..., : round(self.share * image.shape[3])] = 1
            return NetworkOutput(0 * depth, confidence, sky=sky)

    samples, network = find_images([write_photos(tmp_path / "photos", 1)]), Sky()
    predictor, reasons = replace(toy_predictor, network=network), []
    everything = OutputOptions(tuple(kind for kind in KINDS if kind != "std"))
    options = RunOptions(tmp_path / "sky", everything, resolver=GIVEN, focal_sweep=(50.0,))
    sky = run(samples, predictor, options)
    assert (sky.done, sky.failures) == (1, ())
    assert "no valid depth at all: 100 % of the image is sky; --sky far gives sky a depth" in caplog.text
    assert manifest(tmp_path / "sky")[0]["median_depth"] is None
    assert not read_depth(tmp_path / "sky/depth/000.png").any()
    assert run(samples, predictor, options).skipped == 1
    for network.share in (0.5, 0.0):
        options = RunOptions(tmp_path / f"{network.share}", resolver=GIVEN)
        reasons += [failure.reason for failure in run(samples, predictor, options).failures]
    assert "50 % of the image is sky, and the rest is at its edge, beyond 300 m" in reasons[0]
    assert reasons[1].endswith("no valid depth at all: all of it is beyond 300 m or not positive")
