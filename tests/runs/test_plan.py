"""What a run leaves as it is: files of others, and results of photos that it cannot judge."""

from dataclasses import replace

import pytest

from mono.data.folder import find_images
from mono.do_test import run
from mono.runs.options import RunOptions
from mono.runs.outputs import OutputOptions
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


def test_files_in_the_way_of_added_outputs_are_not_replaced(photos, tmp_path, toy_predictor):
    samples, options = find_images([photos]), RunOptions(tmp_path / "out", OutputOptions(("depth",)), resolver=GIVEN)
    run(samples, toy_predictor, options)
    (options.out / "vis").mkdir()
    (options.out / "vis" / "002.jpg").write_text("mine")
    with pytest.raises(RunError, match=r"holds 1 files .* as vis/002\.jpg"):
        run(samples, toy_predictor, replace(options, output=OutputOptions(("depth", "vis"))))
    assert (options.out / "vis" / "002.jpg").read_text() == "mine" and len(manifest(options.out)) == 3


def test_an_image_that_fails_while_completed_leaves_no_file_in_the_way(photos, tmp_path, toy_predictor, monkeypatch):
    samples, options = find_images([photos]), RunOptions(tmp_path / "out", OutputOptions(("depth",)), resolver=GIVEN)
    run(samples, toy_predictor, options)
    (options.out / "depth" / "001.json").unlink()
    with monkeypatch.context() as patch:
        patch.setattr("mono.runs.execute.write_outputs", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "full")))
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
