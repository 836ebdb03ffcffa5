"""Models of other programs: the user's own class, MoGe's baselines, and transformers."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import mono
from mono.cli.main import main
from mono.geometry.camera import Camera

DATA = Path(__file__).parents[2] / "data" / "nyu_demo" / "test_annotations.json"
HEAD = "import numpy as np\nimport torch\n"


def write(path, body, head=HEAD):
    path.write_text(head + body)
    return str(path)


@pytest.fixture
def scene(tmp_path):
    """An annotated image whose depth is a ramp from 2 to 6 m."""
    from PIL import Image

    depth = np.linspace(2, 6, 64, dtype=np.float32)[None, :].repeat(48, 0)
    Image.fromarray(np.full((48, 64, 3), 90, np.uint8)).save(tmp_path / "photo.png")
    np.save(tmp_path / "depth.npy", depth)
    entry = {"rgb": "photo.png", "depth": "depth.npy", "cam_in": [60, 60, 31.5, 23.5]}
    (tmp_path / "annotations.json").write_text(json.dumps({"files": [entry]}))
    return tmp_path


RAMP = "np.linspace(2, 6, 64)[None, :].repeat(48, 0)"


def tiers(out):
    (image,) = json.loads((out / "metrics.json").read_text())["per_image"].values()
    return image


def evaluate(scene, *flags):
    assert (
        main(["evaluate", str(scene / "annotations.json"), "--out", str(scene / "scores"), "--no-report", *flags]) == 0
    )
    return tiers(scene / "scores")


@pytest.mark.parametrize(
    ("kind", "expression", "expected"),
    [
        ("depth", f"1.1 * {RAMP}", {"metric": 0.1, "median": 0.0, "scale_shift": 0.0}),
        ("relative", f"7 * {RAMP}", {"median": 0.0, "scale_shift": 0.0}),
        ("affine", f"3 * {RAMP} - 9", {"scale_shift": 0.0}),
        ("affine", f"{RAMP} - 2", {"scale_shift": 0.0}),
        ("affine", f"-{RAMP}", {"scale_shift": 0.0}),
        ("disparity", f"4 / {RAMP} - 0.5", {"scale_shift_inverse": 0.0}),
        ("disparity", f"4 / {RAMP} - 4 / 6", {"scale_shift_inverse": 0.0}),
        ("inverse", f"5 / {RAMP}", {"median": 0.0, "scale_shift_inverse": 0.0}),
    ],
)
def test_known_errors_get_their_numbers_in_the_right_tiers(scene, kind, expression, expected):
    model = write(
        scene / "mine.py",
        f"class Mine:\n    kind = {kind!r}\n    def load(self): self.ready = True\n"
        f"    def infer(self, image, camera):\n        assert self.ready and camera.fx == 60\n"
        f"        return {{'disparity' if {kind!r} == 'disparity' else 'depth': {expression}}}\n",
    )
    found = evaluate(scene, "--baseline", model)
    assert found.keys() == expected.keys()
    for tier, abs_rel in expected.items():
        assert found[tier]["abs_rel"] == pytest.approx(abs_rel, abs=1e-3), tier
    out = scene / "out"
    photo = ["predict", str(scene / "photo.png"), "--focal-px", "60", "--baseline", model, "--out", str(out)]
    if kind == "depth":
        assert main([*photo, "--save", "depth,vis,pcd,normal"]) == 0
        return
    assert main(photo) == 2 and main([*photo, "--save", "pcd", "--depth-format", "npy"]) == 2
    assert main([*photo, "--save", "depth,vis", "--depth-format", "npy"]) == 0
    assert (out / "vis" / "photo.jpg").stat().st_size > 500
    again = ["evaluate", str(scene / "annotations.json"), "--pred", str(out), "--pred-kind", kind]
    assert main([*again, "--out", str(scene / "again"), "--workers", "1", "--no-report"]) == 0
    saved = tiers(scene / "again")
    assert {tier: m["abs_rel"] for tier, m in saved.items()} == pytest.approx(
        {tier: m["abs_rel"] for tier, m in found.items()}, abs=1e-6
    )


@pytest.mark.parametrize("told", ["", "'kind': 'inverse', "])
@pytest.mark.parametrize("name", ["depth", "disparity"])
def test_the_kind_of_a_class_holds_whatever_its_map_is_called(scene, told, name):
    body = f"return {{{told}{name!r}: 5 / {RAMP}}}"
    body = f"class M:\n kind = 'inverse'\n def load(self): pass\n def infer(self, image, camera): {body}\n"
    found = evaluate(scene, "--baseline", write(scene / "m.py", body))
    assert found.keys() == {"median", "scale_shift_inverse"}
    assert max(metrics["abs_rel"] for metrics in found.values()) < 1e-3


def test_lite_as_a_baseline_is_lite_to_the_bit(tmp_path):
    body = (
        "import mono\nclass Lite:\n    def load(self, device):\n"
        "        self.model = mono.load_model('lite', device=device)\n"
        "    def infer(self, image, camera):\n        return {'depth': self.model.predict(image, camera).depth}\n"
    )
    path = write(tmp_path / "own.py", body)
    photo = DATA.parent / "rgb"
    flags = [
        str(next(photo.iterdir())),
        "--fov-deg",
        "60",
        "--save",
        "depth",
        "--depth-format",
        "npy",
        "--device",
        "cpu",
    ]
    assert main(["predict", *flags, "--out", str(tmp_path / "a"), "--model", "lite", "--backend", "eager"]) == 0
    assert main(["predict", *flags, "--out", str(tmp_path / "b"), "--baseline", path]) == 0
    (a,), (b,) = ((tmp_path / name / "depth").glob("*.npy") for name in "ab")
    assert a.read_bytes() == b.read_bytes()
    record = json.loads((tmp_path / "b" / "manifest.jsonl").read_text().splitlines()[-1])
    assert record["model"] == "own"


MOGE = """
class Baseline:
    @staticmethod
    def load(): return Baseline()
    def infer(self, image, intrinsics=None):
        assert image.shape[0] == 3 and 0 <= image.min() and image.max() <= 1 and image.dtype == torch.float32
        height, width = image.shape[-2:]
        z = torch.full((1, height, width), 3.0)
        own = torch.tensor([[0.8, 0, 0.5], [0, 1.0, 0.5], [0, 0, 1.0]])
        return {KEY: RESULT, "intrinsics": own, "mask": image[0] < 0.9}
"""


@pytest.mark.parametrize(
    ("key", "result", "kind"),
    [
        ("depth_metric", "z", "depth"),
        ("points_scale_invariant", "torch.stack([z, z, z], -1)", "relative"),
        ("disparity_affine_invariant", "1 / z", "disparity"),
    ],
)
def test_baselines_of_moge_run_as_they_are(tmp_path, key, result, kind):
    path = write(tmp_path / "moge_like.py", MOGE.replace("KEY", repr(key)).replace("RESULT", result))
    predictor = mono.load_model(f"baseline:{path}", device="cpu")
    assert predictor.prediction_format.kind == kind
    image = np.full((48, 64, 3), 90, np.uint8)
    image[:10] = 255
    prediction = predictor.predict(image)  # no camera: the model's own is taken
    assert prediction.camera_source == "predicted"
    assert prediction.camera.intrinsics == pytest.approx((0.8 * 64, 48, 31.5, 23.5))
    np.testing.assert_allclose(prediction.depth[10:], 1 / 3 if kind == "disparity" else 3, rtol=1e-6)
    assert np.isnan(prediction.depth[:10]).all() if kind == "disparity" else not prediction.depth[:10].any()
    if kind != "depth":
        for use in (prediction.points, prediction.surface_normals, lambda: prediction.save(tmp_path / "a.png")):
            with pytest.raises(ValueError, match="without a unit"):
                use()
    given = predictor.predict(image, Camera(70, 70, 31.5, 23.5, 64, 48))
    assert given.camera.fx == 70 and given.camera_source == "given"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise KeyError('no')", "cannot be run: KeyError"),
        ("x = 1", "has 0 classes with `load` and `infer`"),
        ("class A:\n    def load(self): 1 / 0\n    def infer(self, image, camera): return {}", "`load` failed: Zero"),
        (
            "class A:\n    kind = 'meters'\n    def load(self): 0\n    def infer(self, image, camera): 0",
            "its kind is 'meters'",
        ),
        ("class A:\n    def load(self): 0\n    def infer(self, image, camera): return 5", "returned a int"),
        ("class A:\n    def load(self): 0\n    def infer(self, image, camera): return {}", "returned nothing"),
        (
            "class A:\n    def load(self): 0\n    def infer(self, image, camera): return {'depth': np.ones((2, 2))}",
            r"\(2, 2\)",
        ),
        (
            "class A:\n    def load(self): 0\n    def infer(self, image, camera): return {'disparity': image[..., 0]}",
            'kind is "depth": set `kind = "disparity"` in the class, or `kind = "inverse"` if 0 is at infinity',
        ),
        (
            "class A:\n    kind = 'disparity'\n    def load(self): 0\n"
            "    def infer(self, image, camera): return {'kind': 'inverse', 'disparity': image[..., 0]}",
            'disparity of kind "inverse", and its kind is "disparity": set `kind = "inverse"` in the class',
        ),
        (
            "class A:\n    def load(self): 0\n"
            "    def infer(self, image, camera): return {'kind': 'meters', 'depth': image[..., 0]}",
            "its kind is 'meters'; choose one of depth",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, body, message):
    path = write(tmp_path / "bad.py", body)
    with pytest.raises(ValueError, match=message):
        mono.load_model(f"baseline:{path}", device="cpu").predict(
            np.zeros((32, 32, 3), np.uint8), Camera.from_fov(60, 32, 32)
        )


def test_flags_that_contradict_are_refused(tmp_path, capsys):
    photo = str(next((DATA.parent / "rgb").iterdir()))
    assert main(["predict", photo, "--baseline", str(tmp_path / "no.py"), "--out", str(tmp_path / "o")]) == 2
    assert main(["predict", photo, "--baseline", "a.py", "--model", "vit_small", "--out", str(tmp_path / "o")]) == 2
    path = write(tmp_path / "a.py", "class A:\n    def load(self): 0\n    def infer(self, image, camera): 0")
    assert main(["predict", photo, "--baseline", path, "--backend", "openvino", "--out", str(tmp_path / "o")]) == 2
    output = capsys.readouterr().err
    assert "no such Python file" in output and "leave out --model" in output and "leave out backend openvino" in output


def tiny(name):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    vit = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 32}
    dino = transformers.Dinov2Config(
        **{k: v for k, v in vit.items() if k != "intermediate_size"}, image_size=56, patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False,
    )  # fmt: skip
    neck = {"neck_hidden_sizes": [8, 8, 16, 16], "fusion_hidden_size": 8}
    size = {"height": 56, "width": 56}
    if name == "dpt":
        config = transformers.DPTConfig(
            **vit, image_size=56, patch_size=14, backbone_out_indices=[0, 1, 2, 3], **neck, is_hybrid=False
        )
        return transformers.DPTForDepthEstimation(config), transformers.DPTImageProcessor(size=size)
    if name == "zoedepth":
        beit = transformers.BeitConfig(
            **vit, image_size=64, patch_size=16, out_features=["stage1", "stage2", "stage3", "stage4"],
            reshape_hidden_states=False,
        )  # fmt: skip
        config = transformers.ZoeDepthConfig(
            backbone_config=beit, **neck, bottleneck_features=8, num_relative_features=8, bin_embedding_dim=8,
            num_attractors=[2, 1, 1, 1], patch_transformer_hidden_size=8,
            bin_configurations=[{"n_bins": 8, "min_depth": 0.1, "max_depth": 10.0, "name": "nyu"}],
        )  # fmt: skip
        processor = transformers.ZoeDepthImageProcessor(size={"height": 64, "width": 64})
        return transformers.ZoeDepthForDepthEstimation(config), processor
    prompt = name == "prompt"
    config = (transformers.PromptDepthAnythingConfig if prompt else transformers.DepthAnythingConfig)(
        backbone_config=dino, **neck, head_hidden_size=8, patch_size=14, reassemble_hidden_size=16,
        depth_estimation_type="relative" if name == "relative" else "metric", max_depth=20,
    )  # fmt: skip
    if prompt:
        processor = transformers.PromptDepthAnythingImageProcessor(size=size)
        return transformers.PromptDepthAnythingForDepthEstimation(config), processor
    return transformers.DepthAnythingForDepthEstimation(config), transformers.DPTImageProcessor(size=size)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("dpt", "disparity"), ("relative", "disparity"), ("metric", "depth"), ("zoedepth", "depth"), ("prompt", "depth")],
)
def test_models_of_transformers_are_scored_in_their_tiers(scene, name, kind):
    model, processor = tiny(name)
    folder = scene / name
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    found = evaluate(scene, "--model", f"hf:{folder}", "--device", "cpu")
    assert ("metric" in found) == (kind == "depth") and ("scale_shift_inverse" in found) == (kind == "disparity")
    predictor = mono.load_model(f"hf:{folder}", device="cpu")
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    prediction = predictor.predict(image, Camera.from_fov(60, 64, 48))
    assert prediction.depth.shape == (48, 64) and prediction.format.kind == kind
    with torch.inference_mode():
        raw = model.eval()(**processor(images=image, return_tensors="pt")).predicted_depth
    assert np.median(prediction.depth) == pytest.approx(float(raw.median()), rel=0.2, abs=1e-6)
    out = scene / "predicted"
    flags = ["--depth-format", "npy", "--fov-deg", "56", "--device", "cpu", "--out", str(out)]
    assert main(["predict", str(scene / "photo.png"), "--model", f"hf:{folder}", *flags]) == 0
    assert np.load(out / "depth" / "photo.npy").shape == (48, 64)


def test_what_is_no_depth_model_is_said(tmp_path):
    pytest.importorskip("transformers")
    with pytest.raises(ValueError, match="cannot be loaded as a depth model"):
        mono.load_model(f"hf:{tmp_path}", device="cpu")
    with pytest.raises(ValueError, match="has no option size"):
        mono.load_model(f"hf:{tmp_path}", device="cpu", options={"size": 3})


@pytest.mark.parametrize("kind", ["affine", "disparity", "inverse"])
def test_saved_values_without_a_unit_keep_zero_sign_and_holes(scene, kind):
    values = RAMP if kind == "affine" else f"1 / {RAMP}"
    shift = 0 if kind == "inverse" else 3
    body = f"""class M:
    kind = {kind!r}
    def load(self): pass
    def infer(self, image, camera):
        values = ({values} - {shift}).astype(np.float32)
        values[0, :9], values[1, :9] = 0, np.nan
        return {{"depth": values, "mask": np.arange(48)[:, None] + 0 * np.arange(64) < 40}}
"""
    out, words = scene / "out", ["--baseline", write(scene / "m.py", body), "--depth-format", "npy", "--no-report"]
    words = ["evaluate", str(scene / "annotations.json"), "--out", str(out), *words]
    assert main([*words, "--save", "depth"]) == 0
    saved = np.load(out / "depth" / "photo.npy")
    ramp = np.linspace(2, 6, 64)
    expected = ramp - shift if kind == "affine" else 1 / ramp - shift
    np.testing.assert_allclose(saved[2:40], np.tile(expected, (38, 1)), rtol=1e-6)
    assert not saved[0, :9].any() and np.isnan(saved[1, :9]).all() and np.isnan(saved[40:]).all()
    assert json.loads((out / "depth" / "photo.json").read_text())["invalid"] == "nan"
    first = tiers(out)
    assert {metrics["missing"] for metrics in first.values()} == {9 + 8 * 64}
    again = ["evaluate", str(scene / "annotations.json"), "--pred", str(out), "--pred-kind", kind, "--workers", "1"]
    assert main([*again, "--out", str(scene / "again")]) == 0 and tiers(scene / "again") == first
    whole = json.loads((out / "metrics.json").read_text())["without_prediction"]
    assert whole == {"pixels": 521, "share": 521 / (48 * 64)}
    for kinds in ("depth", "depth,vis"):  # resumed, and from the saved depth
        assert main([*words, "--save", kinds]) == 0 and tiers(out) == first
        assert json.loads((out / "metrics.json").read_text())["without_prediction"] == whole


def test_depth_without_a_unit_stays_so_when_results_are_added(scene):
    body = f'return {{"disparity": 4 / {RAMP} - 0.5}}'
    body = f'class M:\n kind = "disparity"\n def load(self): pass\n def infer(self, image, camera): {body}\n'
    words = ["predict", str(scene / "photo.png"), "--baseline", write(scene / "m.py", body), "-o", str(scene / "out")]
    for kinds in ("depth", "depth,vis"):
        assert main([*words, "--depth-format", "npy", "--save", kinds]) == 0
    records = [json.loads(line) for line in (scene / "out/manifest.jsonl").read_text().splitlines()]
    assert [record.get("unit", "m") for record in records] == [None] * len(records) and "vis" in records[-1]["outputs"]


def test_code_of_a_repository_is_not_run_whatever_is_answered(tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    names = {"AutoConfig": "theirs.Theirs", "AutoModelForDepthEstimation": "theirs.Theirs"}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "theirs", "auto_map": names}))
    write(tmp_path / "theirs.py", f"open({str(tmp_path / 'ran')!r}, 'w')\n", "")
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    with pytest.raises(ValueError, match="cannot be loaded as a depth model"):
        mono.load_model(f"hf:{tmp_path}", device="cpu")
    assert not (tmp_path / "ran").exists()
