"""Checks of values that callers give."""

from pathlib import Path

import numpy as np
import pytest
import torch

import mono
from mono.geometry.camera import Camera
from mono.inference.prediction import Prediction
from mono.system.checks import as_array, as_number, as_path
from mono.system.errors import MetricDepthError

ONES = np.ones((6, 8), np.float32)
PREDICTION = Prediction(ONES, ONES, Camera.from_fov(60, 8, 6), error_scale=1.0)


def test_numbers_of_any_library_become_floats():
    for value in (3, 3.0, np.int64(3), np.float32(3), np.array(3), torch.tensor(3.0), True + 2):
        assert as_number(value, "x") == 3.0 and type(as_number(value, "x")) is float
    for value in ("3", b"3", None, [3], np.array([3]), 3j, torch.zeros((), device="meta"), 10**400):
        with pytest.raises(MetricDepthError, match=r"^x is .*; give a number$"):
            as_number(value, "x")


def test_arrays_of_any_library_are_double():
    for values in ([[1, 2]], np.array([[1, 2]], np.uint8), torch.tensor([[1.0, 2.0]]), [torch.tensor([1, 2])]):
        array = as_array(values, "x", "(..., 2)", last=2)
        assert array.dtype == np.float64 and array.tolist() == [[1, 2]]
    with pytest.raises(MetricDepthError, match=r"x: shape \(1, 3\); give \(..., 2\)"):
        as_array([[1, 2, 3]], "x", "(..., 2)", last=2)


def test_paths_that_no_file_has_are_refused():
    assert as_path("a") == Path("a") and as_path(Path("a")) == Path("a")
    for value in (None, 3, "a\0b"):
        with pytest.raises(MetricDepthError, match="is no path of a file or folder"):
            as_path(value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PREDICTION.interval("x"), "level of an interval is 'x'; give a share between 0 and 1"),
        (lambda: PREDICTION.save("d.png", depth_scale="1000"), "depth scale is '1000'; it must be 1 to 65535"),
        (lambda: PREDICTION.save("a\0b.png"), "no path"),
        (lambda: PREDICTION.to_ply(None), "no path"),
        (lambda: PREDICTION.to_mesh(3), "no path"),
        (lambda: PREDICTION.aligned([1, 2]), r"known distances are \[1, 2\]; give them as mono.Known"),
    ],
)
def test_predictions_refuse_values_of_wrong_kinds(call, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(mono.MetricDepthError, match=message):
        call()
    assert not list(tmp_path.iterdir())
