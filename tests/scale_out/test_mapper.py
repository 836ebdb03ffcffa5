import io
import json
import math
import os
import pickle
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from mono.calibration.camera_calibration import write_calibration
from mono.calibration.depth_alignment import DepthAlignment
from mono.data.camera_source import CameraResolver
from mono.data.saved_predictions import PredictionFormat
from mono.geometry.canonical import CanonicalTransform
from mono.scale_out.mapper import RESULT_COLUMNS, DepthMapper
from mono.system.errors import MetricDepthError
from tests.scale_out.toy import ToyMapper, jpeg


def decode(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)


def test_depth_is_in_millimeters_for_the_camera_of_each_row():
    batch = {"image": [jpeg(1)] * 3, "fx": [40.0, 80.0, None], "intrinsics": [None, None, (60, 60, 20, 20)]}
    out = ToyMapper()(batch)
    assert list(out) == list(RESULT_COLUMNS)
    assert out["error"] == ["", "", ""] and out["fx"] == [40.0, 80.0, 60.0] and out["cx"] == [23.5, 23.5, 20.0]
    assert out["camera_source"] == ["given"] * 3 and out["width"] == [48] * 3 and out["height"] == [40] * 3
    depths = [decode(png) for png in out["depth"]]
    assert all(depth.dtype == np.uint16 and depth.shape == (40, 48) for depth in depths)
    ratio = np.median(depths[1]) / np.median(depths[0])
    assert ratio == pytest.approx(2, rel=0.05)  # distances scale with the focal length
    for depth, median, mask in zip(depths, out["median_depth"], out["mask"], strict=True):
        assert np.median(depth[depth > 0]) == pytest.approx(1000 * median, abs=1)
        assert np.array_equal(decode(mask) > 0, depth > 0)
    assert b"depth_scale\x001000" in out["depth"][0] and b"depth_kind" not in out["depth"][0]


@pytest.mark.parametrize("kind", ["perspective", "wide"])
def test_the_calibration_of_a_camera_file_is_applied(tmp_path, kind):
    camera = {"fov_deg": 60} if kind == "perspective" else {"model": "equirectangular"}
    (tmp_path / "plain.json").write_text(json.dumps(camera))
    found = DepthAlignment("scale", 1.5, 0.02, 0.05, 10, {})
    checksum = ToyMapper().predictor().checksum
    write_calibration(tmp_path / "calibrated.json", camera, checksum, "toy", found, 3)
    medians = []
    for name in ("plain.json", "calibrated.json"):
        out = ToyMapper(resolver=CameraResolver(camera_file=tmp_path / name))({"image": [jpeg(1, (64, 32))]})
        assert out["error"] == [""] and out["camera_source"] == ["camera file"]
        medians.append(out["median_depth"][0])
    assert medians[1] == pytest.approx(1.5 * medians[0], abs=1e-4 + 2e-4 * medians[0])


def test_settings_hold_the_content_of_the_camera_file(tmp_path):
    file = tmp_path / "cameras.txt"
    file.write_text("1 PINHOLE 64 32 60 60 32 16\n2 PINHOLE 64 32 80 80 32 16\n")
    mapper = ToyMapper(resolver=CameraResolver(camera_file=file))
    first = mapper.settings()
    os.utime(file, (1, 1))
    assert mapper.settings() == first  # touched, and the same inside
    (tmp_path / "images.txt").write_text("1 1 0 0 0 0 0 0 1 a.jpg\n\n")
    listed = mapper.settings()
    file.write_text("1 PINHOLE 64 32 70 70 32 16\n2 PINHOLE 64 32 80 80 32 16\n")
    changed = [first, listed, mapper.settings()]
    assert len({one["camera"]["file_checksum"] for one in changed}) == 3
    assert "file_checksum" not in ToyMapper().settings()["camera"]


def test_a_panorama_is_a_row_of_distances():
    out = ToyMapper(resolver=CameraResolver(panorama=True))({"image": [jpeg(1, (64, 32))]})
    assert out["error"] == [""] and out["valid"][0] > 0.99
    assert b"depth_kind\x00ray" in out["depth"][0] and decode(out["depth"][0]).shape == (32, 64)
    assert "merged of" in out["camera_detail"][0]


def test_depth_beyond_the_range_is_invalid_and_counted():
    batch = {"image": [jpeg(1)], "fx": [400.0]}
    fine, coarse = ToyMapper(depth_scale=65_535)(batch), ToyMapper(depth_scale=100)(batch)
    assert fine["beyond_range"][0] > 0.5 and fine["valid"][0] == pytest.approx(1 - fine["beyond_range"][0], abs=1e-3)
    assert coarse["beyond_range"] == [0.0] and coarse["valid"] == [1.0]
    assert fine["median_depth"] == coarse["median_depth"]  # of all depth, stored or not


def test_a_bad_image_is_a_row_with_a_reason():
    array = np.zeros((16, 16, 3), np.uint8)
    images = [
        b"",
        b"no image",
        jpeg(1)[:200],
        None,
        float("nan"),
        array[..., 0],
        array,
        7,
        {"bytes": None, "path": None},
    ]
    out = ToyMapper()({"image": images, "key": list("abcdefghi")})
    assert [bool(error) for error in out["error"]] == [True] * 6 + [False] + [True] * 2
    assert "is empty" in out["error"][0] and "damaged" in out["error"][2] and "no image" in out["error"][3]
    assert out["key"] == list("abcdefghi") and out["depth"][0] == b"" and math.isnan(out["median_depth"][0])
    for name, kind in RESULT_COLUMNS.items():
        assert {type(value) for value in out[name]} == {kind}, name


@pytest.mark.parametrize("camera", [{"fx": [-3]}, {"intrinsics": ["abcd"]}, {"intrinsics": [[1, 2, 3]]}, {"fx": [1e9]}])
def test_an_impossible_camera_is_a_row_with_a_reason(camera):
    assert ToyMapper()({"image": [jpeg(1)], **camera})["error"][0]


def test_a_camera_that_is_no_number_is_explained():
    cameras = {"fx": ["many", None, None], "intrinsics": [None, ["a"] * 4, [[1], [2, 3]]]}
    out = ToyMapper()({"image": [jpeg(1)] * 3} | cameras)
    assert ["fx is 'many'" in out["error"][0], "3x3" in out["error"][1], "3x3" in out["error"][2]] == [True] * 3


def test_exif_gives_the_camera_and_every_kind_of_image_is_taken(tmp_path):
    image = Image.open(io.BytesIO(jpeg(1)))
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 28  # FocalLengthIn35mmFilm
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif, quality=95)
    (tmp_path / "a.jpg").write_bytes(file.getvalue())
    kinds = [file.getvalue(), bytearray(file.getvalue()), {"bytes": file.getvalue()}, str(tmp_path / "a.jpg"),
             Image.open(file)]  # fmt: skip
    out = ToyMapper()({"image": [*kinds, np.asarray(image)]})
    assert out["camera_source"] == ["exif"] * 5 + ["assumed"] and len(set(out["depth"][:5])) == 1
    assert out["fx"][0] == pytest.approx(28 / 43.27 * math.hypot(48, 40), rel=0.02)


def test_bytes_do_not_depend_on_the_rest_of_a_batch():
    """The network of the package, on two sizes of images, in batches of 2 with any neighbors."""
    images = [jpeg(seed, size) for seed, size in ((1, (96, 64)), (2, (64, 96)), (3, (96, 64)), (4, (96, 64)))]
    mapper = DepthMapper(device="cpu", batch_size=2)
    whole = mapper({"image": images})
    single = [mapper({"image": [image]}) for image in images]
    assert whole["error"] == [""] * 4
    for name in RESULT_COLUMNS:
        assert whole[name] == [one[name][0] for one in single], name
    assert mapper.predictor() is pickle.loads(pickle.dumps(mapper)).predictor()  # loaded once a process
    assert json.loads(json.dumps(mapper.settings()))["checksum"] == mapper.predictor().checksum


def test_batches_are_full_and_of_one_size(monkeypatch):
    shapes = []
    predictor = ToyMapper().predictor()
    object.__setattr__(predictor, "transform", CanonicalTransform((64, 96), fit="tight"))
    infer = type(predictor).infer

    def counted(self, inputs):
        shapes.append([one.pixels.shape for one in inputs])
        return infer(self, inputs)

    monkeypatch.setattr(type(predictor), "infer", counted)
    sizes = [(48, 40), (40, 48), (48, 40), (48, 40), (90, 20)]
    out = ToyMapper(batch_size=3)({"image": [jpeg(i, size) for i, size in enumerate(sizes)]})
    assert out["error"] == [""] * 5 and out["width"] == [48, 40, 48, 48, 90]
    assert all(len(batch) == 3 and len(set(batch)) == 1 for batch in shapes) and len(shapes) == 3


def test_models_without_a_unit_are_refused(monkeypatch):
    predictor = SimpleNamespace(name="dpt", prediction_format=PredictionFormat("disparity"))
    monkeypatch.setattr("mono.inference.load.load_model", lambda *_, **__: predictor)
    with pytest.raises(MetricDepthError, match="dpt gives disparity without a unit: choose a metric model"):
        DepthMapper(model="hf:dpt")({"image": [jpeg(1)]})


def test_misuse_is_explained():
    for batch in ({}, {"photo": [1]}, {"image": [jpeg(1)], "key": []}, {"image": [jpeg(1)], "fx": [1.0, 2.0]}):
        with pytest.raises(MetricDepthError, match="column"):
            ToyMapper()(batch)
    assert ToyMapper()({"image": []})["depth"] == []
    scales = [{"depth_scale": scale} for scale in (-1, 65_536)]
    for options in ({"outputs": ("normal",)}, {"batch_size": 0}, {"threads": 0}, *scales):
        with pytest.raises(MetricDepthError):
            DepthMapper(**options)
    assert ToyMapper(outputs=("camera",))({"image": [jpeg(1)]})["depth"] == [b""]
