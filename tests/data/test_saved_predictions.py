"""Tests of the meaning of saved predictions."""

import json

import numpy as np
import pytest

from mono.data.saved_predictions import PredictionFormat, saved_format
from mono.io.depth import write_depth
from mono.system.errors import MetricDepthError

VALUES = np.array([[0, 0.5], [2, 4]], np.float32)


@pytest.mark.parametrize("kind", ["affine", "inverse", "disparity"])
def test_a_file_that_says_so_has_no_value_where_it_is_0(tmp_path, kind):
    path, meaning = tmp_path / "a.npy", PredictionFormat(kind)
    np.save(path, VALUES)
    np.testing.assert_array_equal(meaning.read(path), VALUES)
    for invalid, missing in ((0, 1), ("nan", 0)):
        path.with_suffix(".json").write_text(json.dumps({"invalid": invalid}))
        values = meaning.read(path)
        assert np.isnan(values).sum() == missing and (~meaning.valid(values)).sum() == missing
    np.savez(tmp_path / "b.npz", depth=VALUES, **{"metadata.json": np.zeros(0)})
    assert not np.isnan(meaning.read(tmp_path / "b.npz")).any()


def test_a_scale_gives_affine_depth_no_unit():
    meaning = PredictionFormat("affine", 1000.0)
    assert not meaning.metric and meaning.valid(np.float32([-3, 0, 2])).all()


@pytest.mark.parametrize("kind", ["npy", "npz", "png", "tif"])
def test_a_file_says_if_its_values_have_no_unit(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    if kind == "tif":
        path.write_bytes(b"II")
    else:
        write_depth(path, VALUES, notes={} if kind == "png" else {"unit": None, "depth_kind": "disparity"})
    assert saved_format(path).kind == ("depth" if kind in ("png", "tif") else "disparity")
    path.with_suffix(".json").write_text('{"unit": null, "depth_kind": "z"}')
    assert kind == "npz" or saved_format(path).metric
    path.with_suffix(".json").write_text('{"unit": null, "depth_kind": "log"}')
    if kind == "npy":
        with pytest.raises(MetricDepthError, match="unknown kind 'log'"):
            saved_format(path)
