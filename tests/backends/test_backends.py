import copy
import importlib.util
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import mono
from mono.backends import base
from mono.backends.base import why_not
from mono.geometry.camera import Camera
from mono.inference import autotune as choose
from mono.inference.accuracy import check_frames, deviation
from mono.inference.autotune import try_all, with_automatic, with_backend, with_fastest
from mono.model.checkpoint import load_tensors, read_tensors
from mono.model.depth_model import NetworkOutput, build_depth_model
from mono.model.output import SKY_DEPTH
from mono.system.cache import cache_folder
from mono.system.errors import BackendError
from tests.golden.reference_values import reference_image


@pytest.fixture(autouse=True, scope="module")
def _shared_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("METRICDEPTH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of the test's own, empty."""
    monkeypatch.setenv("METRICDEPTH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def photos():
    for number, (height, width) in enumerate([(60, 80), (90, 120), (64, 40), (50, 90), (40, 96)]):
        yield reference_image(height, width, number), Camera.centered(90.0, width, height)


@pytest.mark.parametrize("fit", ["pad", "tight"])
@pytest.mark.parametrize("backend", ["eager", "onnxruntime", "openvino"])
def test_a_backend_computes_the_network(toy_predictor, backend, fit):
    if reason := why_not(backend, "float32", "cpu"):
        pytest.skip(reason)
    toy = replace(toy_predictor, transform=replace(toy_predictor.transform, fit=fit))
    found = with_backend(toy, backend)
    assert found.backend == backend
    images, cameras = zip(*photos(), strict=True)
    for a, b in zip(found.predict_batch(images, cameras), toy.predict_batch(images, cameras), strict=True):
        np.testing.assert_allclose(a.depth, b.depth, rtol=1e-5)
        np.testing.assert_allclose(a.confidence, b.confidence, rtol=1e-5)


@pytest.mark.parametrize("backend", ["eager", "onnxruntime", "openvino"])
def test_threads_do_not_get_each_others_depth(toy_predictor, backend):
    if reason := why_not(backend, "float32", "cpu"):
        pytest.skip(reason)
    found = with_backend(toy_predictor, backend)
    expected = [found.predict(*photo).depth for photo in photos()]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda photo: found.predict(*photo).depth, list(photos()) * 20))
    assert all(np.array_equal(*pair) for pair in zip(results, expected * 20, strict=True))


class Directed(torch.nn.Module):
    """Predict each pixel's distance from the principal point."""

    uses_principal_point = True

    def forward(self, image, principal_point=None):
        x = torch.arange(image.shape[3]) - principal_point[:, 0, None]
        y = torch.arange(image.shape[2]) - principal_point[:, 1, None]
        depth = (x[:, None] ** 2 + y[:, :, None] ** 2 + 1).sqrt()[:, None] + image.mean(1, keepdim=True)
        return NetworkOutput(depth, torch.ones_like(depth))


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_converted_network_uses_the_principal_point(toy_predictor, backend):
    if reason := why_not(backend, "float32", "cpu"):
        pytest.skip(reason)
    toy = replace(toy_predictor, network=Directed(), checksum="of directions")
    network = with_backend(toy, backend).network
    image, points = torch.randn(2, 3, 64, 96), torch.tensor([[40.0, 20.0], [50.5, 33.0]])
    expected = Directed()(image, points).depth
    np.testing.assert_allclose(network(image, points).depth, expected, rtol=1e-5)
    center = Directed()(image, torch.tensor([[47.5, 31.5]] * 2)).depth
    np.testing.assert_allclose(network(image).depth, center, rtol=1e-5)
    assert network.uses_principal_point


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_network_is_converted_once_and_again_when_damaged(toy_predictor, cache, backend, monkeypatch, caplog):
    if reason := why_not(backend, "float32", "cpu"):
        pytest.skip(reason)
    with_backend(toy_predictor, backend)
    with monkeypatch.context() as patch:
        for name in ("captured", "traced"):
            patch.setattr(f"mono.conversion.tracing.{name}", lambda *_: pytest.fail("converted again"))
        with_backend(toy_predictor, backend)
        with pytest.raises(pytest.fail.Exception, match="converted again"):
            with_backend(replace(toy_predictor, checksum="other weights"), backend)
    [file] = (cache / ("onnx" if backend == "onnxruntime" else backend)).glob("*.[ox][nm]*")
    file.write_bytes(b"cut off")
    image = reference_image(60, 80, 0)
    found = with_backend(toy_predictor, backend).predict(image, Camera.centered(90.0, 80, 60))
    assert f"{file} is damaged; making it again" in caplog.text and file.stat().st_size > 100
    expected = toy_predictor.predict(image, Camera.centered(90.0, 80, 60))
    np.testing.assert_allclose(found.depth, expected.depth, rtol=1e-5)


@pytest.mark.parametrize("pixels", [1, 200])
def test_a_conversion_may_call_a_few_other_pixels_sky(pixels: int, tmp_path: Path):
    openvino_network = pytest.importorskip("mono.backends.openvino_network")

    def network(image: torch.Tensor, sky: int = 0) -> NetworkOutput:
        depth = torch.full((1, 1, *image.shape[2:]), 3.0)
        depth.view(-1)[:sky] = SKY_DEPTH
        return NetworkOutput(depth, depth)

    class Converted(openvino_network.OpenVinoNetwork):
        def __init__(self):
            pass

        def __call__(self, image: torch.Tensor) -> NetworkOutput:
            return network(image, sky=pixels)

    Converted.uses_principal_point = False
    job = SimpleNamespace(network=network, input_size=None, uses_principal_point=False, precision="float32")
    (tmp_path / "file.xml").touch()
    with pytest.raises(BackendError, match=r"and in 2.4% of the sky") if pixels > 82 else nullcontext():
        Converted()._check(job, tmp_path / "file.xml")


def test_without_a_cache_nothing_is_kept(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("METRICDEPTH_CACHE", str(tmp_path / "file"))
    folder = cache_folder("onnx")
    (folder / "a").touch()
    assert cache_folder("onnx") == folder and tmp_path not in folder.parents
    assert "set $METRICDEPTH_CACHE to another folder" in caplog.text


@pytest.mark.slow
def test_compiled_networks_are_kept(toy_predictor, cache, monkeypatch):
    if reason := why_not("compile", "float32", "cpu"):
        pytest.skip(reason)
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    image, camera = next(photos())
    found = with_backend(toy_predictor, "compile").predict(image, camera)
    np.testing.assert_allclose(found.depth, toy_predictor.predict(image, camera).depth, rtol=1e-5)
    assert any((cache / "inductor").rglob("*"))


@pytest.mark.parametrize("model", ["lite", "tiny"])
def test_eager_without_its_batch_norms_says_the_same(model, tiny_checkpoint):
    given = {} if model == "lite" else {"checkpoint": tiny_checkpoint}
    loaded = mono.load_model("lite" if model == "lite" else "convtiny.0.3_150.py", device="cpu", **given)
    bare = build_depth_model(**loaded.architecture)
    load_tensors(bare, read_tensors(loaded.checkpoint), loaded.checkpoint, expected=loaded.name)
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in bare.modules())
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in loaded.network.modules())
    image = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        for found, expected in zip(loaded.network(image)[:2], bare.eval()(image)[:2], strict=True):
            np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)


def test_eager_halves_weights_of_a_copy(tiny_checkpoint):
    full = mono.load_model(tiny_checkpoint, device="cpu", options={"data_basic.crop_size": (96, 160)})
    half = with_backend(replace(full, precision="bfloat16"), "eager")
    name = "encoder.backbone.stem_0.weight"
    assert full.network.state_dict()[name].dtype == torch.float32
    assert half.network.state_dict()[name].dtype == torch.bfloat16
    assert half.network.state_dict()["decoder.conv_up_2.0.weight"].dtype == torch.float32


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BackendError, match=r"needs openvino, which is not installed: pip install .metricdepth\[openv"):
        mono.load_model("lite", device="cpu", backend="openvino")
    with pytest.raises(BackendError, match=r"needs onnxruntime, onnx, onnxscript, which are not installed"):
        mono.load_model("lite", device="cpu", backend="onnxruntime")
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(BackendError, match=r"needs a C\+\+ compiler"):
        mono.load_model("lite", device="cpu", backend="compile")


def test_what_a_backend_does_not_have(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    assert "has no bfloat16; it has float32" in why_not("onnxruntime", "bfloat16", "cpu")
    assert "computes on the CPU only" in why_not("openvino", "float32", "cuda")
    assert 'backend "tvm" is unknown; use eager, compile' in why_not("tvm", "float32", "cpu")
    assert why_not("eager", "bfloat16", "cuda") is None


def test_the_bound_is_that_of_all_pixels():
    frames = check_frames()
    assert len(frames) == 9 and all((frame.ground_truth > 0).mean() > 0.1 for frame in frames)
    reference = [np.where(frame.ground_truth > 0, frame.ground_truth, 1.0) for frame in frames]
    same = deviation(reference, reference, frames)
    assert (same.median, same.worst_frame, same.abs_rel, same.within) == (0, 0, 0, True)
    off = deviation([1.01 * d for d in reference], reference, frames)
    assert off.median == pytest.approx(0.01, rel=1e-3) and off.abs_rel == pytest.approx(0.01, rel=0.05)
    assert not off.within
    one = deviation([*reference[:8], 1.01 * reference[8]], reference, frames)
    assert one.median < 1e-6 and one.worst_frame == pytest.approx(0.01, rel=1e-3)
    gone = deviation([0 * d for d in reference], reference, frames)
    assert gone.median == 1 and not gone.within
    assert not deviation([np.nan * d for d in reference], reference, frames).within


def fake_builds(monkeypatch, tables):
    """Backends that take so long and are so far off: {(backend, precision): (seconds, factor)}; lists what is built.

    Time is theirs alone, so that it does not matter what else the machine does.
    """
    built, clock = [], [0.0]

    def build(job, backend, device="cpu"):
        seconds, factor = tables[backend, job.precision]
        built.append((backend, job.precision))
        if factor is None:
            raise RuntimeError("no such instruction\nand more")

        def run(image):
            clock[0] += seconds
            output = job.network(image)
            return NetworkOutput(output.depth * factor, output.confidence)

        return run

    monkeypatch.setattr(choose, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    monkeypatch.setattr(choose, "build", build)
    monkeypatch.setattr(choose, "why_not", lambda b, p, d: None if (b, p) in tables else "not installed")
    return built


def test_the_fastest_is_taken_within_the_bound_and_remembers_it(toy_predictor, cache, monkeypatch, caplog):
    tables = {
        ("eager", "float32"): (0.05, 1.0),
        ("eager", "bfloat16"): (0.0, 1.01),  # fastest, but one per cent off
        ("compile", "float32"): (0.0, None),  # does not work here
        ("openvino", "float32"): (0.02, 1.0001),
    }
    built = fake_builds(monkeypatch, tables)
    caplog.set_level("INFO")
    found = with_fastest(toy_predictor, ("float32", "bfloat16"))
    assert (found.backend, found.precision) == ("openvino", "float32")
    assert "backend fastest: openvino float32" in caplog.text
    assert "compile float32: failed: no such instruction" in caplog.text
    assert "eager bfloat16" in caplog.text and "not offered" in caplog.text
    count = len(built)
    again = with_fastest(toy_predictor, ("float32", "bfloat16"))
    assert again.backend == "openvino" and len(built) == count + 1
    with_fastest(replace(toy_predictor, checksum="other"), ("float32", "bfloat16"))
    assert len(built) > count + 4
    entries = json.loads((cache / "auto.json").read_text())
    assert len(entries) == 2
    for damaged in ("damaged", "[" * 100_000):
        (cache / "auto.json").write_text(damaged)
        assert with_fastest(toy_predictor, ("float32", "bfloat16")).backend == "openvino"
    del tables["openvino", "float32"]  # what was taken is gone
    assert with_fastest(toy_predictor, ("float32", "bfloat16")).backend == "eager"


def test_fastest_without_any_that_works(toy_predictor, monkeypatch):
    fake_builds(monkeypatch, {("eager", "float32"): (0, 1.0), ("eager", "bfloat16"): (0, 1.2)})
    with pytest.raises(BackendError, match=r"no backend can be taken: eager bfloat16: .* not offered"):
        with_fastest(toy_predictor, ("bfloat16",))


def test_check_frames_that_are_not_there(monkeypatch, tmp_path):
    monkeypatch.setattr("mono.inference.accuracy._DEMOS", ("no_demo",))
    with pytest.raises(BackendError, match="name a backend instead of fastest"):
        check_frames()


def test_the_machine_is_named():
    assert "cores" in base.machine() and base.machine() == base.machine()


@pytest.mark.slow
def test_try_all_measures_what_is_installed(toy_predictor):
    tried = try_all(replace(toy_predictor), ("float32",), check_frames()[3:4])
    backends = [c.backend for c in tried]
    installed = [b for b in base.BACKENDS if why_not(b, "float32", "cpu") is None]
    assert backends == sorted(installed, key="compile".__eq__)
    assert all(c.milliseconds and c.found and c.found.median < 1e-4 for c in tried), [str(c) for c in tried]


@pytest.mark.parametrize(
    ("missing", "failing", "expected"),
    [
        ((), (), ["openvino"]),
        (("openvino",), (), ["onnxruntime"]),
        (("openvino", "onnxruntime"), (), ["eager"]),
        ((), ("openvino", "onnxruntime"), ["openvino", "onnxruntime", "eager"]),
    ],
)
def test_auto_measures_nothing_and_names_what_fails(monkeypatch, toy_predictor, caplog, missing, failing, expected):
    built = []

    def build(predictor, backend):
        built.append(backend)
        if backend in failing:
            raise RuntimeError("no such operation\nand more")
        return replace(predictor, backend=backend)

    monkeypatch.setattr(choose, "with_backend", build)
    monkeypatch.setattr(choose, "why_not", lambda backend, *_: "not installed" if backend in missing else None)
    toy_predictor = replace(toy_predictor, architecture={"decoder": "LiteDecoder"})
    assert with_automatic(toy_predictor).backend == expected[-1] and built == expected
    warned = [record.message for record in caplog.records]
    assert warned == [f"backend auto: {name} cannot compute toy: no such operation" for name in failing]
    stretched = replace(toy_predictor, transform=replace(toy_predictor.transform, fit="stretch"))
    assert with_automatic(stretched).backend == "eager"
    assert with_automatic(replace(toy_predictor, architecture={"decoder": "RefinementDecoder"})).backend == "eager"


def test_auto_converts_for_many_images_only(toy_predictor, monkeypatch):
    if reason := why_not("openvino", "float32", "cpu"):
        pytest.skip(reason)
    network = torch.nn.Sequential(toy_predictor.network)
    network.weights = torch.nn.Parameter(torch.zeros(1000), requires_grad=False)
    toy = replace(toy_predictor, network=network, architecture={"decoder": "LiteDecoder"})
    built = []
    monkeypatch.setattr(choose, "build", lambda job, backend, device: built.append(backend))
    monkeypatch.setattr(choose, "_REPAID", 50_000)
    backends = [with_automatic(toy, images).backend for images in (0, 11, 49, 50, None)]
    assert backends == built == ["eager", "eager", "eager", "openvino", "openvino"]
    monkeypatch.setattr(choose, "_REPAID", 1000)
    assert [with_automatic(toy, images).backend for images in (10, 11)] == ["eager", "openvino"]


@pytest.mark.parametrize("fit", ["pad", "tight"])
def test_a_conversion_is_compared_with_its_network(toy_predictor, cache, fit):
    class Baked(torch.nn.Module):
        """Give another depth where the input is none that a tracer saw."""

        def forward(self, image):
            depth = image.mean(1, keepdim=True).abs() + 1 + (tuple(image.shape) != (2, 3, 96, 160))
            return NetworkOutput(depth, torch.ones_like(depth))

    if reason := why_not("openvino", "float32", "cpu"):
        pytest.skip(reason)
    transform = replace(toy_predictor.transform, fit=fit)
    toy = replace(toy_predictor, network=Baked(), checksum=f"of {fit}", transform=transform)
    with pytest.raises(BackendError, match=r"the converted network differs from the original by [0-9.e-]+, and in"):
        with_backend(toy, "openvino")
    assert not list((cache / "openvino").glob("*.xml"))


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_conversion_is_compared_where_there_is_depth(toy_predictor, cache, share):
    class Sky(torch.nn.Module):
        """Give no depth to a share of the rows."""

        def forward(self, image):
            depth = image.mean(1, keepdim=True).abs() + 1
            rows = torch.arange(depth.shape[2]).view(-1, 1) >= share * depth.shape[2]
            return NetworkOutput(depth * rows, torch.ones_like(depth))

    if reason := why_not("openvino", "float32", "cpu"):
        pytest.skip(reason)
    toy = replace(toy_predictor, network=Sky(), checksum=f"sky of {share}")
    depth = with_backend(toy, "openvino").predict(np.zeros((48, 64, 3), np.uint8), Camera.from_fov(60, 64, 48)).depth
    assert (depth > 0).any() == (share < 1)


def test_auto_equals_eager_whatever_came_before(toy_predictor):
    transform = replace(toy_predictor.transform, fit="tight")
    toy = replace(toy_predictor, architecture={"decoder": "LiteDecoder"}, transform=transform)
    found, again = with_automatic(toy), with_automatic(toy)
    assert found.backend in ("openvino", "onnxruntime") and found.precision == "float32"
    images, cameras = zip(*photos(), strict=True)
    depths = [found.predict(*pair).depth for pair in zip(images, cameras, strict=True)]
    for depth, *pair in zip(depths, images, cameras, strict=True):
        np.testing.assert_allclose(depth, toy.predict(*pair).depth, rtol=1e-5)
    for i in (3, 0, 2):  # a continued run meets other sizes first
        np.testing.assert_array_equal(again.predict(images[i], cameras[i]).depth, depths[i])


@pytest.mark.slow
def test_auto_equals_eager_of_lite():
    image, camera = reference_image(120, 160, 3), Camera.from_fov(60, 160, 120)
    found = mono.load_model("lite", device="cpu", backend="auto")
    assert found.backend in ("openvino", "onnxruntime") and found.precision == "float32"
    expected = mono.load_model("lite", device="cpu").predict(image, camera).depth
    np.testing.assert_allclose(found.predict(image, camera).depth, expected, rtol=1e-4)


def test_commands_take_the_usual_backend(monkeypatch):
    from mono.cli.main import build_parser

    def backend(*words):
        return build_parser("predict").parse_args(["predict", "a.jpg", *words]).backend

    assert backend() == "eager"  # as tests/conftest.py sets it
    monkeypatch.delenv("METRICDEPTH_BACKEND")
    assert backend() == "auto" and backend("--backend", "compile") == "compile"
    assert build_parser("shards").parse_args(["shards", "a", "-o", "b"]).backend == "auto"


@pytest.mark.parametrize("order", [("float32", "bfloat16", "float32"), ("bfloat16", "float32", "bfloat16")])
def test_openvino_compiles_each_precision_for_itself(cache, order):
    if reason := why_not("openvino", "float32", "cpu"):
        pytest.skip(reason)
    image, camera = next(photos())
    expected = mono.load_model("lite", device="cpu", options={"model.sky": "keep"})
    depth = expected.predict(image, camera).depth
    for precision in order:
        model = mono.load_model(
            "lite", device="cpu", backend="openvino", precision=precision, options={"model.sky": "keep"}
        )
        ratio = model.predict(image, camera).depth / depth
        assert abs(np.median(ratio) - 1) < (1e-4 if precision == "float32" else 0.05), precision


def test_openvino_reports_nothing(toy_predictor, cache, monkeypatch):
    telemetry = pytest.importorskip("openvino_telemetry")
    monkeypatch.setattr(telemetry.Telemetry, "init", lambda *_, **__: pytest.fail("usage is reported"))
    for name in ("send_event", "start_session", "end_session"):
        monkeypatch.setattr(telemetry.Telemetry, name, lambda *_, **__: pytest.fail("usage is reported"))
    with_backend(toy_predictor, "openvino")
    assert list((cache / "openvino").glob("*.xml"))


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_models_are_copied_and_sent_to_workers(toy_predictor, backend, cache):
    if reason := why_not(backend, "float32", "cpu"):
        pytest.skip(reason)
    found = with_backend(toy_predictor, backend)
    image, camera = next(photos())
    expected = found.predict(image, camera).depth
    sent = pickle.dumps(found)
    for model in (copy.deepcopy(found), pickle.loads(sent)):
        np.testing.assert_array_equal(model.predict(image, camera).depth, expected)
    for file in cache.rglob("*.*"):
        file.unlink()
    with pytest.raises(BackendError, match="cannot be read here; load the model in the worker"):
        pickle.loads(sent)
