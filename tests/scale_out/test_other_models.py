"""Shards by exported files and by models of other programs."""

import pytest

from mono.cli.main import main
from mono.export.write import export
from mono.scale_out.mapper import DepthMapper
from tests.onnx_files import write
from tests.scale_out.toy import results, write_shards
from tests.toys import toy_predictor

parquet = pytest.importorskip("pyarrow.parquet")


@pytest.mark.parametrize("flags", [[], ["--backend", "auto"], ["--backend", "eager"], ["--workers", "2"]])
def test_a_foreign_network_runs_with_its_options(tmp_path, capsys, flags):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    folder = write_shards(tmp_path / "in", shards=2, images=2)
    model = ["--model", f"onnx:{write(tmp_path / 'net.onnx')}"]
    command = ["shards", str(folder), "-o", str(tmp_path / "out"), *model, *flags]
    kind = ["--options", "kind=depth", "mean=0,0,0", "std=10,10,10"]
    assert main([*command, *kind]) == 0
    rows = parquet.read_table(tmp_path / "out/00001.parquet").to_pylist()
    assert [row["error"] for row in rows] == ["", ""] and all(5 < row["median_depth"] < 20 for row in rows)
    assert main([*command, *kind]) == 0 and "2 of them before" in capsys.readouterr().out
    assert main([*command, *kind[:-1], "std=20,20,20"]) == 1
    assert "its results are of another model" in capsys.readouterr().out


def test_an_exported_program_runs_where_it_is_trusted(tmp_path, capsys):
    folder, file = write_shards(tmp_path / "in", shards=1, images=2), tmp_path / "toy.ts"
    export(toy_predictor(), "torchscript", file)
    command = ["shards", str(folder), "-o", str(tmp_path / "out"), "--model", str(file)]
    assert main(command) == 2 and "--trust-model" in capsys.readouterr().err
    assert main([*command, "--trust-model"]) == 0
    assert len(results(tmp_path / "out")) == 2


def test_options_of_a_mapper_reach_the_model():
    whole, tight = (DepthMapper(device="cpu", options={"data_basic.fit": fit}) for fit in ("pad", "tight"))
    assert whole.settings()["options"] == {"data_basic.fit": "pad"}
    assert (whole.predictor().transform.fit, tight.predictor().transform.fit) == ("pad", "tight")
    assert hash(whole) == hash(tight) and "options" not in DepthMapper(device="cpu").settings()
