"""Settings that decide results."""

from dataclasses import replace

from mono.runs.records import model_settings


def test_results_of_another_near_branch_are_not_mixed(toy_predictor, monkeypatch):
    near = replace(toy_predictor, architecture={"near_blocks": 1})
    former = model_settings(near)
    monkeypatch.setattr("mono.runs.records._NEAR_BRANCH", 3)
    assert former != model_settings(near)
    assert "near_branch" not in model_settings(toy_predictor)  # others go on as before
