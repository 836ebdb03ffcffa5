import json
from dataclasses import asdict, replace

import pytest

from mono.benchmark import cases as plan
from mono.benchmark.cases import Case, Measured, measure
from mono.cli import bench
from mono.cli.main import main
from mono.system.errors import BackendError

CASE = Case("lite", "eager", "float32", (160, 120), threads=1, runs=3, images=2)
MEASURED = Measured("eager", "float32", "random", (96, 128), 1.5, (10.0, 12.0, 20.0), 0.6, 25.0, 0.7, 321)


def test_numbers_follow_from_what_was_measured():
    assert MEASURED.median == 12.0 and MEASURED.gflops == pytest.approx(50.0)
    cells = [c.strip() for c in bench.line(CASE, MEASURED, {"float32": 100.0}).strip("|").split("|")]
    assert cells == [
        "lite (random weights)", "160x120", "96x128", "eager", "float32", "1.5", "12.0 (10.0-20.0)", "25.00", "70 %",
        "321", "0.6", "50", "50 %",
    ]  # fmt: skip
    assert len(cells) == len(bench._COLUMNS)
    assert "failed: it broke" in bench.line(CASE, "it broke", {"float32": 100.0})


def test_a_case_is_measured_in_a_process_of_its_own():
    found = measure(CASE)
    assert found.input_size == (288, 384)  # of 60 degrees, brought to the small model's focal length
    assert len(found.milliseconds) == 3 and list(found.milliseconds) == sorted(found.milliseconds)
    assert found.images_per_second > 0 and 0 <= found.outside < 1
    assert 100 < found.peak_megabytes < 4000 and len(found.weights) == 64
    near = measure(replace(CASE, runs=1, images=0, near=True))
    assert (near.gflop, found.gflop) == pytest.approx((5.762, 4.046), rel=0.01)  # a room needs one hourglass
    assert (found.backend, found.precision) == ("eager", "float32")


def test_a_process_that_fails_says_why():
    with pytest.raises(BackendError, match="is unknown"):
        measure(Case("lite", "abacus", "float32", (160, 120), 1, 1, 0))


def test_the_command_prints_a_table_and_writes_json(tmp_path, capsys, monkeypatch):
    def in_process(what, values):
        if what == "matmul":
            return {"gflops": 100.0}
        assert what == "case"
        if values["backend"] == "onnxruntime":
            raise BackendError("it broke")
        return asdict(
            replace(MEASURED, backend=values["backend"], precision=values["precision"], images_per_second=None)
        )

    monkeypatch.setattr(plan, "_in_process", in_process)
    refused = {("openvino", "float32"): "no openvino", ("openvino", "bfloat16"): "no openvino",
               ("onnxruntime", "bfloat16"): "no half"}  # fmt: skip
    monkeypatch.setattr("mono.backends.base.why_not", lambda backend, precision, _: refused.get((backend, precision)))
    path = tmp_path / "bench.json"
    words = ["bench", "--models", "lite", "--backends", "eager,onnxruntime,openvino", "--images", "0", "--threads", "1"]
    assert main([*words, "--json", str(path)]) == 1
    out = capsys.readouterr().out
    assert out.count("| lite (random weights) |") == 2 and "failed: it broke" in out
    assert out.count("left out: no openvino") == 1 and "left out: no half" in out
    assert "100 in float32" in out and "1 threads" in out
    content = json.loads(path.read_text())
    assert [r["backend"] for r in content["rows"]] == ["eager", "eager", "onnxruntime"]
    assert content["rows"][0]["milliseconds"] == [10.0, 12.0, 20.0] and content["matmul_peak_gflops"]["bfloat16"] == 100
    assert content["rows"][2]["failed"] == "it broke" and content["machine"] and content["date"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--models", "resnet"], 'no model "resnet"'),
        (["--sizes", "640"], '"640" is not a size'),
        (["--backends", "tensorrt"], 'backend "tensorrt" is unknown'),
        (["--precisions", "int8"], 'precision "int8" is unknown'),
        (["--runs", "0"], "must be at least 1"),
    ],
)
def test_wrong_words(words, message, capsys):
    assert main(["bench", *words]) == 2
    assert message in capsys.readouterr().err
