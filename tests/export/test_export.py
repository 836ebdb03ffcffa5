"""Exported files: equal to their models in every form, and refused where they cannot be."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import mono
from mono.cli.main import main
from mono.conversion.formats import SUFFIXES, open_exported
from mono.export import check
from mono.export.options import ExportOptions
from mono.export.write import export
from mono.geometry.camera import Camera
from mono.io.images import read_image
from mono.system.errors import BackendError
from tests.toys import ToyNormals, ToyPoint, ToySky
from tests.toys import toy_predictor as make_toy

PHOTO = Path(__file__).parents[2] / "data" / "wild_demo" / "leuven.jpg"
NEEDS = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "openvino": ("openvino",)}
CAMERA = Camera(333.0, 331.0, 150.0, 100.0, 307, 211)


@pytest.fixture(autouse=True, scope="module")
def _cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("METRICDEPTH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def photo():
    return read_image(PHOTO).rgb[:211, :307].copy()


def skip_without(kind):
    if missing := [name for name in NEEDS.get(kind, ()) if importlib.util.find_spec(name) is None]:
        pytest.skip(f"{', '.join(missing)} not installed")


def assert_equal(found, expected):
    assert (found.depth > 0).any()
    for name in ("depth", "confidence", "normal", "normal_confidence", "sky"):
        a, b = getattr(found, name), getattr(expected, name)
        assert (a is None) == (b is None), name
        if b is not None:
            np.testing.assert_allclose(a, b, rtol=1e-4, atol={"normal": 1e-4, "sky": 1e-5}.get(name, 0), err_msg=name)
    assert (found.camera, found.camera_source) == (expected.camera, expected.camera_source)


FORMS = [
    ("onnx", {}),
    ("onnx", {"fit": "pad", "batch": 0, "layout": "nchw", "input_name": "rgb", "network": ToySky}),
    ("onnx", {"network_only": True, "network": ToyNormals}),
    ("onnx", {"network_only": True, "network": ToyPoint, "size": (96, 64), "batch": 2, "layout": "nhwc"}),
    ("openvino", {}),
    ("openvino", {"network_only": True, "network": ToyPoint}),
    ("torchscript", {"fit": "pad"}),
    ("torchscript", {"network": ToyNormals, "batch": 3, "layout": "nchw"}),
    ("torchscript", {"network_only": True, "fit": "pad", "network": ToySky}),
    ("exported-program", {"network": ToyNormals}),
    ("exported-program", {"network_only": True, "size": (96, 64), "network": ToyPoint}),
]


def _name(value):
    words = value.items() if isinstance(value, dict) else [("", value)]
    return ",".join(f"{key} {getattr(v, '__name__', v)}".strip() for key, v in words)


@pytest.mark.parametrize(("kind", "form"), FORMS, ids=_name)
def test_a_file_is_the_model(toy_file, photo, kind, form):
    skip_without(kind)
    path, agreements = toy_file(kind, **form)
    batches = form.get("batch", 0 if form.get("network_only") else None) not in (None, 1)
    assert len(agreements) == 3 + batches
    assert len({a.size for a in agreements}) == len({a.focal for a in agreements}) == 3
    assert all(a.within and a.depth < 1e-3 and a.confidence < 1e-3 and a.normal < 1e-3 for a in agreements)
    loaded, model = mono.load_model(path, trust=True), make_toy(form.get("network", lambda: None)())
    size = form.get("size", (96, 64))[::-1]
    fit = "pad" if "size" in form else form.get("fit", "tight")
    model = replace(model, transform=replace(model.transform, crop_size=size, fit=fit))
    assert (loaded.name, loaded.backend, loaded.transform) == ("toy", kind, model.transform)
    images, cameras = [photo, PHOTO, photo[:, ::-1].copy()], [CAMERA, None, CAMERA]
    found, expected = (predictor.predict_batch(images, cameras) for predictor in (loaded, model))
    for a, b in zip(found, expected, strict=True):
        assert_equal(a, b)


def test_the_metadata_say_what_a_file_is(toy_file, toy_predictor):
    skip_without("onnx")
    path, agreements = toy_file("onnx")
    metadata = mono.load_model(path).metadata
    assert metadata["checked"][0]["depth"] == agreements[0].depth
    assert "optical axis" in metadata["camera"] and metadata["checksum_sha256"] == toy_predictor.checksum


def test_a_file_of_fixed_size_takes_no_other(toy_file, toy_predictor, photo):
    path, agreements = toy_file("torchscript", size=(307, 211))
    assert [a.size for a in agreements] == [(307, 211)] * 3 and len({a.focal for a in agreements}) == 3
    loaded = mono.load_model(path, trust=True)
    assert_equal(loaded.predict(photo, CAMERA), toy_predictor.predict(photo, CAMERA))
    with pytest.raises(BackendError, match=r"takes images of 307x211, not of 300x200: resize them"):
        loaded.predict(photo[:200, :300], Camera.centered(300.0, 300, 200))
    with pytest.raises(BackendError, match=r"takes undistorted images of 307x211, not of \d+x\d+: undistort"):
        loaded.predict(photo, replace(CAMERA, distortion=(-0.2, 0.03)))


def test_a_drop_in_has_the_names_of_the_flags(tmp_path, capsys, monkeypatch):
    skip_without("onnx")
    import onnxruntime

    monkeypatch.setattr("mono.inference.load.load_model", lambda *_, **__: make_toy(ToyPoint()))
    path = tmp_path / "toy.onnx"
    words = "--network-only --size 96x64 --batch 1 --input-name pixel_values --output-name predicted_depth --centered"
    assert main(["export", "onnx", "--out", str(path), *words.split(), "--opset", "19"]) == 0
    assert (
        f"written: {path} and {tmp_path / 'toy.preprocess.json'}, which describes the rest" in capsys.readouterr().out
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    [port] = session.get_inputs()
    assert (port.name, port.shape) == ("pixel_values", [1, 3, 64, 96])
    first = session.get_outputs()[0]
    assert (first.name, first.shape) == ("predicted_depth", [1, 64, 96])
    pixels = np.random.default_rng(3).normal(size=(1, 3, 64, 96)).astype(np.float32)
    expected = ToyPoint()(torch.from_numpy(pixels)).depth[:, 0].numpy()
    np.testing.assert_allclose(session.run(["predicted_depth"], {"pixel_values": pixels})[0], expected, rtol=1e-5)
    import onnx

    assert {(o.domain, o.version) for o in onnx.load(path).opset_import} == {("", 19)}


def test_a_failure_of_a_converter_is_an_error_in_one_line(toy_file, monkeypatch):
    def fail(*_):
        raise RuntimeError("no such\n operator")

    monkeypatch.setattr("mono.export.capture._program", fail)
    skip_without("onnx")
    with pytest.raises(BackendError, match=r"toy cannot be written as onnx: .* \(RuntimeError: no such operator\)"):
        toy_file("onnx", size=(97, 65))


def test_a_network_too_large_for_litert_is_refused_at_once(tmp_path, toy_predictor, monkeypatch):
    monkeypatch.setattr("mono.export.write._LITERT_BYTES", 400)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 6), toy_predictor.network).requires_grad_(False)
    with pytest.raises(BackendError, match=r"toy has 0\.0 GB of weights; LiteRT files hold 2 GB"):
        export(
            replace(toy_predictor, network=network), "litert", tmp_path / "toy.tflite", ExportOptions(network_only=True)
        )


def test_weights_that_do_not_fit_lie_beside_their_graph(tmp_path, toy_predictor, photo, monkeypatch):
    skip_without("onnx")
    import onnx

    monkeypatch.setattr("mono.conversion.onnx_file._ONE_FILE", 100)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 3, padding=1), toy_predictor.network).requires_grad_(False)
    toy, path = replace(toy_predictor, network=network), tmp_path / "toy.onnx"
    for _ in range(2):  # the second replaces the first
        export(toy, "onnx", path, ExportOptions(network_only=True))
        assert sorted(f.name for f in tmp_path.iterdir()) == ["toy.onnx", "toy.onnx.data", "toy.preprocess.json"]
    proto = onnx.load(path, load_external_data=False)
    places = {entry.value for t in proto.graph.initializer for entry in t.external_data if entry.key == "location"}
    assert places == {"toy.onnx.data"}
    assert_equal(mono.load_model(path).predict(photo, CAMERA), toy.predict(photo, CAMERA))
    (tmp_path / "other").mkdir()
    moved = [file.rename(tmp_path / "other" / file.name) for file in (path, path.with_name("toy.onnx.data"))]
    mono.load_model(moved[0])
    weights = bytearray(moved[1].read_bytes())
    weights[5] ^= 1
    moved[1].write_bytes(weights)
    with pytest.raises(BackendError, match=r"toy.onnx is damaged, .* export it again"):
        mono.load_model(moved[0])
    moved[1].unlink()
    with pytest.raises(BackendError, match=r"toy.onnx is damaged, .* export it again"):
        mono.load_model(moved[0])


def test_half_precision_is_half_and_within_its_bound(toy_file, toy_predictor, photo):
    skip_without("onnx")
    import onnx

    path, agreements = toy_file("onnx", network_only=True, size=(96, 64), precision="float16")
    assert 1e-6 < max(a.depth for a in agreements) < 5e-3 and agreements[0].bound == 5e-3
    kinds = {t.data_type for t in onnx.load(path).graph.initializer if t.data_type in (1, 10)}
    assert 1 not in kinds
    model = replace(toy_predictor, transform=replace(toy_predictor.transform, fit="pad"))
    found, expected = (p.predict(photo, CAMERA).depth for p in (mono.load_model(path), model))
    np.testing.assert_allclose(found, expected, rtol=5e-3)


@pytest.mark.slow
@pytest.mark.integration
def test_lite_agrees_as_a_network_alone(network_file):
    skip_without("onnx")
    path, agreements = network_file("lite", "onnx")
    assert len(agreements) == 3 and max(a.depth for a in agreements) < 1e-3
    small = {"data_basic.crop_size": (128, 160), "data_basic.fit": "pad", "data_basic.guided": False}
    found, expected = mono.load_model(path), mono.load_model("lite", options=small)
    assert found.transform.guided
    found = replace(found, transform=expected.transform).predict(PHOTO)
    expected = expected.predict(PHOTO)
    np.testing.assert_allclose(found.depth, expected.depth, rtol=1e-3)


@pytest.mark.slow
def test_a_vit_has_its_normals(network_file, photo):
    skip_without("onnx")
    path, agreements = network_file("vit", "onnx")
    assert all(a.within for a in agreements) and max(a.normal for a in agreements) > 0
    normal = mono.load_model(path).predict(photo, CAMERA).normal
    assert normal.shape == (211, 307, 3)
    np.testing.assert_allclose(np.linalg.norm(normal, axis=2), 1, atol=1e-5)


@pytest.mark.slow
def test_convnext_goes_through_onnx_into_both_runtimes(tiny_checkpoint, tmp_path):
    skip_without("onnx")
    options = {"data_basic.crop_size": (96, 160)}
    model = mono.load_model(tiny_checkpoint, device="cpu", options=options)
    path = tmp_path / "tiny.onnx"
    assert max(a.depth for a in export(model, "onnx", path)) < 1e-3
    skip_without("openvino")
    import openvino

    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    photo, camera = read_image(PHOTO).rgb[:200, :260].copy(), Camera(190.0, 190.0, 130.0, 100.0, 260, 200)
    depth = compiled([photo, np.array(camera.intrinsics, np.float32)])[0]
    np.testing.assert_allclose(depth, model.predict(photo, camera).depth, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.integration
def test_the_command_writes_what_predict_runs(tmp_path, capsys):
    skip_without("onnx")
    path = tmp_path / "lite.onnx"
    assert main(["export", "onnx", "--model", "lite", "--out", str(path)]) == 0
    assert "1242x375" in capsys.readouterr().out
    out = tmp_path / "out"
    assert main(["predict", str(PHOTO), "--model", str(path), "--out", str(out), "--save", "depth"]) == 0
    assert "by onnx in float32" in capsys.readouterr().out
    record = json.loads((out / "manifest.jsonl").read_text().splitlines()[0])
    expected = mono.load_model("lite", device="cpu").predict(PHOTO)
    assert record["model"] == "lite" and record["median_depth"] == pytest.approx(np.median(expected.depth), rel=1e-3)


def test_a_file_that_differs_is_not_written(toy_predictor, tmp_path, monkeypatch):
    monkeypatch.setattr(check, "BOUND", -1.0)
    with pytest.raises(BackendError, match="differs from the model, and was not written: 640x480: depth by"):
        export(toy_predictor, "torchscript", tmp_path / "toy.ts")
    assert list(tmp_path.glob("**/*.ts")) == []


@pytest.mark.parametrize(
    ("kind", "name", "options", "message"),
    [
        ("onnx", "toy.pth", {}, r"onnx ends in \.onnx"),
        ("tensorflow", "toy.onnx", {}, 'format "tensorflow" is unknown; use onnx, openvino'),
        ("onnx", "toy.onnx", {"precision": "float16"}, "float16 is for --network-only"),
        ("openvino", "toy.xml", {"precision": "float16", "network_only": True}, "openvino files have no float16"),
        ("torchscript", "toy.ts", {"opset": 18}, "--opset is for onnx files"),
        ("torchscript", "toy.ts", {"batch": -1}, "batch is -1; torchscript files have 1 to 1024, or any"),
        ("torchscript", "toy.ts", {"size": (100, 64), "network_only": True}, "100x64; .*multiples of 32"),
        ("torchscript", "toy.ts", {"size": (100, 3)}, "100x3; sides are 16 to 16384 px"),
        ("torchscript", "toy.ts", {"output_name": "image"}, "the names image, intrinsics, image, confidence are not"),
        ("torchscript", "toy.ts", {"input_name": "a b"}, "not all different words"),
        ("torchscript", "toy.ts", {"centered": True}, "--centered is for --network-only"),
        ("onnx", "toy.onnx", {"opset": 17}, "--opset is 17; this ONNX has 18 to "),
    ],
)  # fmt: skip
def test_what_cannot_be_exported(toy_predictor, tmp_path, kind, name, options, message):
    skip_without(kind)
    with pytest.raises(BackendError, match=message):
        export(toy_predictor, kind, tmp_path / name, ExportOptions(**options))
    assert list(tmp_path.iterdir()) == []


def test_files_that_cannot_be_used(tmp_path):
    with pytest.raises(BackendError, match="there is no file"):
        open_exported(tmp_path / "none.ts", trust=True)
    torch.jit.save(torch.jit.script(torch.nn.Identity()), str(tmp_path / "other.ts"))
    with pytest.raises(BackendError, match=r"was not written by `metricdepth export`"):
        open_exported(tmp_path / "other.ts", trust=True)
    for suffix in SUFFIXES.values():
        (tmp_path / f"bad{suffix}").write_bytes(b"nothing of the kind")
        with pytest.raises(BackendError, match=r"is damaged, or no|not installed|runs on macOS only"):
            open_exported(tmp_path / f"bad{suffix}", trust=True)


@pytest.mark.parametrize("suffix", [".ts", ".pt2"])
def test_programs_that_may_hold_code_are_run_only_if_trusted(tmp_path, suffix):
    (tmp_path / f"a{suffix}").write_bytes(b"code")
    with pytest.raises(BackendError, match=r"add --trust-model \(trust=True in Python\)"):
        mono.load_model(tmp_path / f"a{suffix}")


def test_a_file_runs_on_the_cpu_beside_a_gpu(toy_file, monkeypatch):
    path, _ = toy_file("torchscript", fit="pad")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert mono.load_model(path, trust=True).device.type == "cpu"


def test_weights_of_something_else_are_not_replaced(toy_predictor, tmp_path):
    skip_without("openvino")
    (tmp_path / "toy.bin").write_bytes(b"a checkpoint")
    with pytest.raises(BackendError, match=r"toy\.bin would be replaced, and there is no toy\.xml"):
        export(toy_predictor, "openvino", tmp_path / "toy.xml")
    assert (tmp_path / "toy.bin").read_bytes() == b"a checkpoint"


def test_what_was_decided_on_writing_is_refused(toy_file):
    path, _ = toy_file("torchscript", fit="pad")
    for arguments, message in (
        ({"backend": "openvino"}, "Leave out backend openvino"),
        ({"precision": "bfloat16"}, "Leave out precision bfloat16"),
        ({"options": {"data_basic.crop_size": (64, 64)}}, "Leave out config options"),
        ({"checkpoint": "a.pth"}, "Leave out a checkpoint"),
        ({"device": "cuda"}, "Leave out device cuda"),
    ):
        with pytest.raises(ValueError, match=message):
            mono.load_model(path, trust=True, **arguments)
    camera = Camera.centered(100.0, 50, 40)
    with pytest.raises(ValueError, match=r"camera is for 50x40"):
        mono.load_model(path, trust=True).predict(np.zeros((20, 30, 3), np.uint8), camera)
