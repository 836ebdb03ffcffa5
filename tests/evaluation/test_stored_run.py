"""Foreign and damaged `metrics.json` files end in a message."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from mono.cli.main import main
from mono.evaluation.metrics import compare
from mono.evaluation.stored_run import ComparisonError, read_metrics

METRICS = asdict(compare(np.array([1.0, 2.0]), np.array([1.1, 2.0])))


def content(**changes):
    return json.dumps({"protocol": {}, "per_image": {"a": {"metric": METRICS | changes}}})


DAMAGED = [
    "",
    "null",
    "[]",
    "3",
    "[" * 100_000,
    '{"per_image": []}',
    '{"per_image": {"a": 3}, "protocol": {}}',
    '{"per_image": {"a": {"metric": null}}, "protocol": {}}',
    '{"per_image": {}, "protocol": "none"}',
    '{"per_image": {}, "protocol": {}, "run": [1]}',
    json.dumps({"protocol": {}, "per_image": {"a": {"other": METRICS}}}),
    content(abs_rel="0.1"),
    content(abs_rel=None),
    content(abs_rel=float("nan")),
    content(rmse=float("inf")),
    content(pixels=0),
    content(pixels=1.5),
    content(pixels=True),
    content(pixels=10**400),
    content(missing=-1),
    content(missing=0.5),
    content(delta1=[1]),
    content(more=1),
    json.dumps(json.loads(content()) | {"ground_truth_checksums": {"a": 3}}),
    json.dumps(json.loads(content()) | {"ground_truth_checksums": ["a"]}),
    "\x00" + content(),
]


@pytest.mark.parametrize("text", DAMAGED)
def test_damaged_files_are_refused(tmp_path, capsys, text):
    (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(ComparisonError, match=r"metrics\.json: not the metrics.json of an evaluation"):
        read_metrics(tmp_path)
    assert main(["compare", str(tmp_path), str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_good_file_is_read(tmp_path):
    (tmp_path / "metrics.json").write_text(content())
    assert asdict(read_metrics(tmp_path).images["a"]["metric"]) == METRICS


def test_files_of_former_versions_do_not_count_missing_predictions(tmp_path):
    former = {name: value for name, value in METRICS.items() if name != "missing"}
    (tmp_path / "metrics.json").write_text(json.dumps({"protocol": {}, "per_image": {"a": {"metric": former}}}))
    assert read_metrics(tmp_path).images["a"]["metric"].missing is None
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "metrics.json").write_text(content(missing=1))
    assert read_metrics(tmp_path / "new").images["a"]["metric"].missing == 1
    assert main(["compare", str(tmp_path), str(tmp_path / "new")]) == 0


def test_terminal_codes_of_a_file_are_not_printed(tmp_path, capsys):
    stored = json.loads(content()) | {"protocol": {"description": "\x1b[2J"}, "run": {"model": "\x1b]0;x\x07"}}
    (tmp_path / "metrics.json").write_text(json.dumps(stored))
    assert main(["compare", str(tmp_path), str(tmp_path), "--resamples", "20"]) == 0
    assert "\x1b" not in capsys.readouterr().out
