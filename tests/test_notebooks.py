"""Notebooks run from top to bottom on the data that ships, and are kept without their outputs."""

from __future__ import annotations

import os
import re
import sys

import pytest

from tests.documents import ROOT

nbformat = pytest.importorskip("nbformat")
NOTEBOOKS = sorted((ROOT / "examples/notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_valid_and_holds_no_outputs(path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.integration
@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=() if path.stem == "first_depth_map" else pytest.mark.slow) for path in NOTEBOOKS],
    ids=[path.stem for path in NOTEBOOKS],
)
def test_a_notebook_runs(path, monkeypatch) -> None:
    client = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PATH", f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}")
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    client.NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    texts = [output.text for cell in notebook.cells for output in cell.get("outputs", ()) if "text" in output]
    assert CHECKS[path.stem]("".join(texts)), texts


def first_depth_map(text: str) -> bool:
    width = float(re.search(r"([\d.]+) m across the street", text)[1])
    return 5 < width < 40


def metres_from_a_known_length(text: str) -> bool:
    predicted, one, six, length, before, after = map(
        float, re.findall(r"AbsRel ([\d.]+)", text)[:4] + re.findall(r"(?:before|calibrated): AbsRel ([\d.]+)", text)
    )
    return max(one, six, length) < predicted and after < before


def compare_two_models(text: str) -> bool:
    scores = [float(score) for score in re.findall(r"(?:lite|lite_detail) +metric +([\d.]+)", text)]
    return len(scores) == 2 and max(scores) < 0.4


CHECKS = {check.__name__: check for check in (first_depth_map, metres_from_a_known_length, compare_two_models)}
