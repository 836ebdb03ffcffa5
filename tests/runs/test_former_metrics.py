import json

import numpy as np
import PIL.Image
import pytest

import metricdepth
from mono.cli.main import main
from mono.data.annotations import load_annotations
from mono.data.saved_predictions import PredictionFormat
from mono.do_test import evaluate, run
from mono.evaluation.protocols import get_protocol
from mono.runs.options import RunOptions
from mono.runs.outputs import OutputOptions
from mono.system.errors import RunError


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Two images of 4 m, and predictions that are 10 and 20 % too far."""
    monkeypatch.chdir(tmp_path)
    for i in range(2):
        PIL.Image.fromarray(np.full((36, 48, 3), 40 * i, np.uint8)).save(f"{i}.png")
        np.save(f"gt{i}.npy", np.full((36, 48), 4, np.float32))
    entries = [{"rgb": f"{i}.png", "depth": f"gt{i}.npy", "cam_in": [60, 60, 23.5, 17.5]} for i in range(2)]
    for name in ("a.json", "other.json"):
        (tmp_path / name).write_text(json.dumps({"files": entries}))
    for name, factor in (("near", 1.1), ("far", 1.2)):
        (tmp_path / name).mkdir()
        for i in range(2):
            np.save(tmp_path / name / f"{i}.npy", np.full((36, 48), 4 * factor, np.float32))
    return tmp_path


def command(*words):
    return main([str(word) for word in ["evaluate", "a.json", "--workers", 1, "--no-report", *words]])


def abs_rel(folder):
    return json.loads((folder / "metrics.json").read_text())["per_image_mean"]["metric"]["abs_rel"]


def test_predictions_have_default_folders_of_their_own(data):
    assert command("--pred", "near") == command("--pred", data / "far") == 0
    found = {file.parent.relative_to(data).as_posix() for file in data.rglob("metrics.json")}
    name = found.pop().split("/")[3]
    assert {f"outputs/saved/{pred}/{name}/none" for pred in ("near", "far")} >= found and len(found) == 1
    assert abs_rel(data / "outputs" / "saved" / "near" / name / "none") == pytest.approx(0.1)
    assert abs_rel(data / "outputs" / "saved" / "far" / name / "none") == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--pred", "far"], "another folder of predictions"),
        (["--pred", "near", "--protocol", "ibims"], "another protocol or other evaluation settings"),
        (["--pred", "near", "--inverse"], "another protocol or other evaluation settings"),
        (["--pred", "near", "--pred-kind", "relative"], "another kind, scale or shape of predictions"),
        (["--pred", "near", "--pred-scale", "2"], "another kind, scale or shape of predictions"),
        (["--pred", "near", "--data-root", "."], "other annotations"),
    ],
)
def test_scores_of_other_inputs_or_settings_are_refused(data, capsys, words, what):
    assert command("--pred", "near", "--out", "out") == 0
    before = (data / "out" / "metrics.json").read_bytes()
    assert command("--pred", data / "near", "--out", data / "out") == 0  # the same, typed in another way
    capsys.readouterr()
    assert command(*words, "--out", "out") == 2
    message = capsys.readouterr().err
    assert message == (
        f"error: out holds results of {what}, which would be replaced: choose another output folder (--out), or "
        "--overwrite\n"
    )
    assert json.loads(before)["per_image"] == json.loads((data / "out" / "metrics.json").read_text())["per_image"]
    assert command(*words, "--out", "out", "--overwrite") == 0
    assert json.loads((data / "out" / "metrics.json").read_text())["run"]["predictions"] == words[1]


def test_a_folder_that_is_missing_makes_none(data, capsys):
    assert command("--pred", "nowhere") == 2
    assert "there is no folder nowhere with predictions" in capsys.readouterr().err
    assert not (data / "outputs").exists()


def test_python_refuses_as_the_command_does(data):
    metricdepth.evaluate("a.json", "near", out="out")
    hashes = json.loads((data / "out" / "metrics.json").read_text())["run"]["settings"]
    assert len(hashes) == 5 and hashes["predictions"] not in (data / "out" / "report.html").read_text()
    assert command("--pred", "near", "--out", "out") == 0  # the same settings
    for model, options in (("far", {}), ("near", {"prediction_format": PredictionFormat("affine")})):
        with pytest.raises(RunError, match=r"out holds results of another .*or --overwrite"):
            metricdepth.evaluate("a.json", model, out="out", **options)
        metricdepth.evaluate("a.json", model, out="out", overwrite=True, **options)
    with pytest.raises(RunError, match="out holds results of other annotations"):
        metricdepth.evaluate("other.json", "near", out="out", prediction_format=PredictionFormat("affine"))


def test_scores_of_a_model_and_of_saved_depth_do_not_replace_each_other(data, toy_predictor):
    evaluate("a.json", "near", out="saved", report=False)
    with pytest.raises(RunError, match="saved holds results of saved predictions"):
        evaluate("a.json", toy_predictor, out="saved", report=False)
    assert abs_rel(data / "saved") == pytest.approx(0.1)
    evaluate("a.json", toy_predictor, out="model", report=False)
    evaluate("a.json", toy_predictor, out="model", report=False)
    with pytest.raises(RunError, match="model holds results of a model"):
        evaluate("a.json", "near", out="model")
    (data / "model" / "metrics.json").unlink()  # as after a kill
    with pytest.raises(RunError, match="model holds results of a model"):
        evaluate("a.json", "near", out="model")


def test_depth_is_scored_into_the_folder_that_holds_it(data, toy_predictor):
    run(load_annotations(data / "a.json"), toy_predictor, RunOptions(data / "run", OutputOptions(("depth",))))
    evaluate("a.json", "run", out="run")
    assert json.loads((data / "run" / "metrics.json").read_text())["images"] == 2


def test_files_of_former_versions_and_of_others_are_refused(data, toy_predictor):
    evaluate("a.json", "near", out="out")
    content = json.loads((data / "out" / "metrics.json").read_text())
    del content["run"]["settings"]
    (data / "out" / "metrics.json").write_text(json.dumps(content))
    with pytest.raises(RunError, match="out holds results of saved predictions with unknown settings"):
        evaluate("a.json", "near", out="out")
    for text in ("[1]", "{}", '{"run": []}', "not json"):
        (data / "out" / "metrics.json").write_text(text)
        for model in ("near", toy_predictor):
            with pytest.raises(RunError, match=r"metrics\.json is not of an evaluation and would be replaced"):
                evaluate("a.json", model, out="out", protocol=get_protocol("none"), report=False)
        assert (data / "out" / "metrics.json").read_text() == text


def test_a_run_that_measured_nothing_says_whose_metrics_are_there(data, capsys, caplog):
    assert command("--pred", "near", "--out", "out") == 0
    before = (data / "out" / "metrics.json").read_bytes()
    for i in range(2):
        (data / "near" / f"{i}.npy").rename(data / f"moved{i}.npy")
    capsys.readouterr()
    assert command("--pred", "near", "--out", "out") == 1
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("nothing was measured"))
    assert "no image could be scored, the first because of: 0.png: no predicted depth near/0.(png|npy" in line
    assert line.endswith("; out/metrics.json is of a former run and stays as it is") and "entries" not in line
    assert (data / "out" / "metrics.json").read_bytes() == before
    evaluate("a.json", "near", out="out")
    assert "metrics.json is of a former run" in caplog.text
    assert command("--pred", "near", "--out", "new") == 1
    assert "former run" not in capsys.readouterr().out and not (data / "new" / "metrics.json").exists()


def test_ground_truth_that_no_longer_counts_is_an_exit_code(data, capsys, toy_predictor):
    assert command("--pred", "near", "--out", "out") == 0
    for i in range(2):
        np.save(data / f"gt{i}.npy", np.zeros((36, 48), np.float32))
    capsys.readouterr()
    assert command("--pred", "near", "--out", "out") == 1
    assert "no image has ground truth that counts; metrics need entries with depth" in capsys.readouterr().out
    assert command("--pred", "near", "--out", "new") == 0
