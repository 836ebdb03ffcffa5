"""Tests of the meaning of saved predictions."""

import json

import numpy as np
import pytest

from mono.data.saved_predictions import PredictionFormat

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
