"""Manifests and journals that somebody else wrote, or edited: no file outside the folder, no traceback."""

import json
import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mono.data.folder import find_images
from mono.do_test import run
from mono.evaluation.protocols import get_protocol
from mono.runs.folder import JOURNAL, open_output_folder
from mono.runs.manifest import Manifest
from mono.runs.options import RunOptions
from mono.runs.outputs import OutputOptions
from mono.runs.paths import is_output_path, own_file, remove_files
from mono.system.errors import MetricDepthError, RunError
from tests.test_do_test import GIVEN, write_photos


@pytest.fixture
def finished(tmp_path, toy_predictor):
    """A finished run of one photo, and a file outside that must stay."""
    samples = find_images([write_photos(tmp_path / "photos", 1)])
    options = RunOptions(tmp_path / "out", OutputOptions(("depth",)), resolver=GIVEN)
    run(samples, toy_predictor, options)
    (tmp_path / "depth").mkdir()
    (tmp_path / "depth" / "secret.png").write_text("keep me")
    return samples, options, tmp_path


def edit(out, **changes):
    record = json.loads((out / "manifest.jsonl").read_text()) | changes
    (out / "manifest.jsonl").write_text(json.dumps(record) + "\n")


OUTSIDE = {
    "absolute": lambda base: str(base / "depth" / "secret.png"),
    "parent": lambda base: "../depth/secret.png",
    "parent below": lambda base: "depth/../../depth/secret.png",
    "symbolic link": lambda base: "depth/link.png",
    "linked folder": lambda base: "pcd/secret.png",
    "linked loop": lambda base: "vis/loop/secret.png",
}


@pytest.mark.parametrize("kind", OUTSIDE)
@pytest.mark.parametrize("how", ["manifest", "journal"])
def test_no_file_outside_the_folder_is_removed(finished, toy_predictor, kind, how):
    samples, options, base = finished
    (options.out / "depth" / "link.png").symlink_to(base / "depth" / "secret.png")
    (options.out / "pcd").symlink_to(base / "depth")
    (options.out / "vis").mkdir()
    (options.out / "vis" / "loop").symlink_to("loop")
    path = OUTSIDE[kind](base)
    if how == "manifest":
        edit(options.out, outputs={"depth": "depth/000.png", "vis": [path]})
    else:
        (options.out / JOURNAL).write_text(json.dumps([path]))
    summary = run(samples, toy_predictor, replace(options, overwrite=True))
    assert summary.done == 1
    assert (base / "depth" / "secret.png").read_text() == "keep me"
    assert (options.out / "depth" / "link.png").is_symlink()
    assert not (options.out / JOURNAL).exists()


def test_the_files_that_stay_are_reported_once(tmp_path, caplog):
    (tmp_path / "depth").mkdir()
    (tmp_path / "depth" / "a.png").symlink_to("b.png")
    removed = remove_files(tmp_path, ["/etc/passwd", "../x.png", "depth/a.png", "depth/missing.png"])
    assert removed == 0 and len(caplog.records) == 1
    assert "3 listed paths" in caplog.text and "/etc/passwd" in caplog.text


@pytest.mark.parametrize(
    ("path", "valid"),
    [
        ("depth/a.png", True), ("focal_sweep/600px/a/b.ply", True), ("report/ä b.json", True), ("depth/..a.png", True),
        ("a.png", False), ("depth/", False), ("depth/a", False), ("depth/a.py", False), ("other/a.png", False),
        ("/depth/a.png", False), ("depth//a.png", False), ("depth/./a.png", False), ("depth/../a.png", False),
        ("depth/a\0.png", False), (3, False), (None, False), (["depth/a.png"], False), ("manifest.jsonl", False),
    ],
)  # fmt: skip
def test_paths_of_outputs(path, valid):
    assert is_output_path(path) == valid


def test_folders_and_devices_are_no_outputs(tmp_path):
    (tmp_path / "depth" / "folder.png").mkdir(parents=True)
    os.mkfifo(tmp_path / "depth" / "pipe.png")
    assert own_file(tmp_path, "depth/folder.png") is None and own_file(tmp_path, "depth/pipe.png") is None


@pytest.mark.parametrize("name", ["manifest.jsonl", ".lock"])
def test_links_in_place_of_a_runs_own_files_are_refused(tmp_path, toy_predictor, name):
    samples = find_images([write_photos(tmp_path / "photos", 1)])
    (tmp_path / "precious").write_text("keep me")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).symlink_to(tmp_path / "precious")
    with pytest.raises(RunError, match="is a link"):
        run(samples, toy_predictor, RunOptions(tmp_path / "out", resolver=GIVEN))
    assert (tmp_path / "precious").read_text() == "keep me"


def test_a_folder_in_place_of_the_manifest_is_refused(tmp_path):
    (tmp_path / "manifest.jsonl").mkdir()
    with pytest.raises(RunError, match="is not a file"):
        Manifest(tmp_path)


NESTED = "[" * 100_000
LINES = {
    "deep": f'{{"name": "000", "status": "ok", "outputs": {NESTED}',
    "deep and closed": '{"name": "000", "status": "ok", "outputs": {}, "x": ' + "[" * 50_000 + "]" * 50_000 + "}",
    "NUL": json.dumps({"name": "0\0", "status": "ok", "outputs": {"depth": "depth/\0.png"}}),
    "huge number": '{"name": "000", "status": "ok", "outputs": {}, "size": [1' + "0" * 4000 + ", 3]}",
    "infinite": '{"name": "000", "status": "ok", "outputs": {}, "intrinsics": [Infinity, 1, 1, 1]}',
    "outputs are a list": '{"name": "000", "status": "ok", "outputs": ["depth/000.png"]}',
    "no outputs": '{"name": "000", "status": "ok"}',
    "settings are text": '{"name": "000", "status": "ok", "outputs": {}, "settings": "all"}',
    "UTF-16": json.dumps({"name": "000", "status": "ok", "outputs": {}}).encode("utf-16").decode("latin-1"),
}


@pytest.mark.parametrize("kind", LINES)
def test_malformed_lines_are_dropped_and_vouch_for_no_file(finished, toy_predictor, kind, caplog):
    samples, options, _ = finished
    (options.out / "manifest.jsonl").write_text(LINES[kind] + "\n", "latin-1")
    with pytest.raises(RunError, match=r"2 files that no run recorded .* as depth/000\.png"):
        run(samples, toy_predictor, options)
    for name in ("000.png", "000.json"):
        (options.out / "depth" / name).unlink()
    assert run(samples, toy_predictor, options).done == 1
    assert len([r for r in caplog.records if "incomplete or malformed" in r.getMessage()]) <= 1
    assert run(samples, toy_predictor, options).skipped == 1


@pytest.mark.parametrize(
    "content", ["{", "[1, null]", '"depth/000.png"', "[" * 100_000, "\0", "{}", "3", '["\\u0000"]']
)
def test_malformed_journals_are_ignored(finished, toy_predictor, content):
    samples, options, _ = finished
    (options.out / JOURNAL).write_text(content)
    assert run(samples, toy_predictor, options).skipped == 1
    assert (options.out / "depth" / "000.png").is_file() and not (options.out / JOURNAL).exists()


SCORES = {
    "metrics": [3, "x", [], {"metric": 3}, {"metric": {"abs_rel": "x"}}, {"metric": {"pixels": 1e400}}, {"metric": {}}],
    "normals": [3, "x", {}, {"metrics": {}, "histogram": 3}, {"metrics": 3, "histogram": [1]}],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field in SCORES for value in SCORES[field]])
def test_malformed_scores_are_computed_again(tmp_path, toy_predictor, field, value):
    import numpy as np

    from mono.data.annotations import load_annotations

    write_photos(tmp_path, 1)
    np.save(tmp_path / "d.npy", np.full((36, 48), 2.0, np.float32))
    entry = {"rgb": "000.png", "depth": "d.npy", "cam_in": [60, 60, 23.5, 17.5]}
    (tmp_path / "a.json").write_text(json.dumps({"files": [entry]}))
    samples = load_annotations(tmp_path / "a.json")
    options = RunOptions(tmp_path / "out", OutputOptions(()), protocol=get_protocol("none"))
    first = run(samples, toy_predictor, options)
    text = (options.out / "manifest.jsonl").read_text()
    (options.out / "manifest.jsonl").write_text(json.dumps(json.loads(text) | {field: value}) + "\n")
    again = run(samples, toy_predictor, options)
    assert again.done == 1 and again.metrics == first.metrics and again.normals == first.normals


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["name", "status", "outputs", "path", "input", "key", "settings", "metrics", "normals", "camera_source",
          "ground_truth_key", "normal_source", "intrinsics", "size"]  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(FIELDS), JSON, min_size=1, max_size=4))
def test_any_edited_record_ends_in_a_result_or_a_message(finished, toy_predictor, changes):
    samples, options, base = finished
    *_, last = (options.out / "manifest.jsonl").read_text().splitlines()  # one of another name may stay before it
    (options.out / "manifest.jsonl").write_text(json.dumps(json.loads(last) | changes) + "\n")
    try:
        summary = run(samples, toy_predictor, options)
        assert not summary.failures
    except MetricDepthError:
        pass
    run(samples, toy_predictor, replace(options, overwrite=True))
    assert (base / "depth" / "secret.png").read_text() == "keep me"


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200))
def test_any_bytes_are_a_manifest_or_a_message(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any")
    (folder / "manifest.jsonl").write_bytes(data)
    (folder / JOURNAL).write_bytes(data)
    assert open_output_folder(folder).records == [] or b"status" in data
