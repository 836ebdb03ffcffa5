"""What a run leaves as it is: files of others, and results of photos that it cannot judge."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mono.data.folder import find_images
from mono.do_test import run
from mono.evaluation.protocols import get_protocol
from mono.runs.options import RunOptions
from mono.runs.outputs import OutputOptions
from mono.runs.records import cache_key
from mono.system.errors import RunError
from tests.test_do_test import GIVEN, files_of, manifest, write_photos


@pytest.fixture
def photos(tmp_path):
    return write_photos(tmp_path / "scene" / "rgb", 3)


def test_files_that_no_run_wrote_are_not_replaced_unasked(photos, toy_predictor):
    scene = photos.parent
    (scene / "depth").mkdir()
    for name in ("001.png", "002.json"):
        (scene / "depth" / name).write_text("ground truth")
    samples, options = find_images([photos]), RunOptions(scene, OutputOptions(("depth", "vis")), resolver=GIVEN)
    before = files_of(scene)
    with pytest.raises(RunError, match=r"holds 2 files that no run recorded .* as depth/001\.png: .*or --overwrite"):
        run(samples, toy_predictor, options)
    assert files_of(scene) == before
    assert run(samples[:1], toy_predictor, options).done == 1  # nothing is in the way of this one
    assert (scene / "depth" / "001.png").read_text() == "ground truth"
    assert run(samples, toy_predictor, replace(options, overwrite=True)).done == 3
    assert run(samples, toy_predictor, options).skipped == 3


@pytest.mark.parametrize("kind", ["depth", "normal"])
def test_results_are_not_written_among_ground_truth_of_other_names(photos, tmp_path, toy_predictor, kind):
    scene = photos.parent
    (scene / kind / "laser").mkdir(parents=True)
    np.save(scene / kind / "laser" / "t0.npy", np.full((36, 48), 2.0, np.float32))
    samples = [replace(sample, **{kind: scene / kind / "laser" / "t0.npy"}) for sample in find_images([photos])]
    options = RunOptions(tmp_path / "link", OutputOptions((kind,)), resolver=GIVEN)
    options.out.symlink_to(scene)
    with pytest.raises(RunError, match=rf"link/{kind} holds ground truth of these images.*choose another"):
        run(samples, toy_predictor, options)
    assert [path.name for path in (scene / kind).iterdir()] == ["laser"]
    assert run(samples, toy_predictor, replace(options, output=OutputOptions(("vis",)))).done == 3
    assert run(samples, toy_predictor, replace(options, overwrite=True)).done == 3


def test_files_in_the_way_of_added_outputs_are_not_replaced(photos, tmp_path, toy_predictor):
    samples, options = find_images([photos]), RunOptions(tmp_path / "out", OutputOptions(("depth",)), resolver=GIVEN)
    run(samples, toy_predictor, options)
    (options.out / "vis").mkdir()
    (options.out / "vis" / "002.jpg").write_text("mine")
    with pytest.raises(RunError, match=r"holds 1 file that no run .* as vis/002\.jpg"):
        run(samples, toy_predictor, replace(options, output=OutputOptions(("depth", "vis"))))
    assert (options.out / "vis" / "002.jpg").read_text() == "mine" and len(manifest(options.out)) == 3


@pytest.mark.parametrize("emptied", ["depth/001.png", "depth/001.json", "vis/001.jpg"])
def test_an_empty_output_is_made_again(photos, tmp_path, toy_predictor, emptied):
    samples, options = (
        find_images([photos]),
        RunOptions(tmp_path / "out", OutputOptions(("depth", "vis")), resolver=GIVEN),
    )
    run(samples, toy_predictor, options)
    before = files_of(options.out)
    (options.out / emptied).write_bytes(b"")
    summary = run(samples, toy_predictor, options)
    assert (summary.done, summary.skipped) == (1, 2) and files_of(options.out) == before


def test_an_image_that_fails_while_completed_leaves_no_file_in_the_way(photos, tmp_path, toy_predictor, monkeypatch):
    samples, options = find_images([photos]), RunOptions(tmp_path / "out", OutputOptions(("depth",)), resolver=GIVEN)
    run(samples, toy_predictor, options)
    (options.out / "depth" / "001.json").unlink()
    with monkeypatch.context() as patch:
        patch.setattr("mono.runs.execute.write_outputs", lambda *_, **__: (_ for _ in ()).throw(OSError(5, "broken")))
        assert len(run(samples, toy_predictor, options).failures) == 1
    assert not (options.out / "depth" / "001.png").exists()
    summary = run(samples, toy_predictor, options)
    assert (summary.done, summary.skipped) == (1, 2)


def test_a_photo_that_cannot_be_reached_keeps_its_results(photos, tmp_path, toy_predictor):
    samples, options = find_images([photos]), RunOptions(tmp_path / "out", OutputOptions(("depth",)), resolver=GIVEN)
    run(samples, toy_predictor, options)
    before, record = files_of(options.out), manifest(options.out)[1]
    (photos / "001.png").rename(tmp_path / "unmounted.png")
    (photos / "001.png").symlink_to(tmp_path / "gone.png")
    summary = run(samples, toy_predictor, options)
    assert [f.reason for f in summary.failures] == ["cannot be opened (No such file or directory); check the path"]
    assert files_of(options.out) == before and record in manifest(options.out)
    (photos / "001.png").unlink()
    (tmp_path / "unmounted.png").rename(photos / "001.png")
    assert run(samples, toy_predictor, options).skipped == 3


SPELLINGS = {"absolute": "{}", "relative": "scene/rgb", "roundabout": "./scene/../scene/rgb"}


@pytest.mark.parametrize("first", SPELLINGS)
def test_another_spelling_of_the_paths_redoes_nothing(photos, tmp_path, toy_predictor, monkeypatch, first):
    monkeypatch.chdir(tmp_path)
    (photos / "camera.json").write_text('{"focal_px": 50}')
    options = RunOptions(tmp_path / "out", OutputOptions(("depth",)), protocol=get_protocol("none"))

    def samples(spelling):
        folder = Path(spelling.format(photos))
        found = find_images([folder])
        return [replace(sample, depth=folder / "gt.npy") for sample in found]

    np.save(photos / "gt.npy", np.full((36, 48), 2.0, np.float32))
    assert run(samples(SPELLINGS[first]), toy_predictor, options).done == 3
    for spelling in SPELLINGS.values():
        assert run(samples(spelling), toy_predictor, options).skipped == 3
    os.utime(photos / "001.png", ns=(0, 0))
    assert run(samples("scene/rgb"), toy_predictor, options).done == 1


def test_records_of_paths_as_they_were_typed_hold(photos, tmp_path, toy_predictor, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = RunOptions(Path("out"), OutputOptions(("depth",)), resolver=GIVEN)
    samples = find_images(["scene/rgb"])
    run(samples, toy_predictor, options)
    records = [
        record | {"key": cache_key(s, GIVEN, spell=str)}
        for s, record in zip(samples, manifest(options.out), strict=True)
    ]
    (options.out / "manifest.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    assert not {cache_key(s, GIVEN, spell=str) for s in samples} & {cache_key(s, GIVEN) for s in samples}
    assert run(samples, toy_predictor, options).skipped == 3


def test_results_under_another_name_are_named(photos, tmp_path, toy_predictor, caplog):
    other = write_photos(tmp_path / "other", 1)
    options = RunOptions(tmp_path / "out", OutputOptions(("depth",)), resolver=GIVEN)
    run(find_images([photos, other]), toy_predictor, options)
    run(find_images([other, photos]), toy_predictor, options)
    assert not caplog.messages
    later = replace(options, output=OutputOptions(("vis",)))
    for done in (3, 0):
        assert run(find_images([photos]), toy_predictor, later).done == done
    names = f"holds results of 3 images under other names, as rgb/000 for {photos / '000.png'} (now 000)"
    assert caplog.messages == [f"{options.out}: {names}; give the inputs of that run to add to them"]
