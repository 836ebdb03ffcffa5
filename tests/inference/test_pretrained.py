"""Saved models: folders, the hub over HTTP and from its cache, and transformers."""

import hashlib
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

import mono
from mono.config import CONFIGS, read_config
from mono.geometry.camera import Camera
from mono.inference.pretrained import read_saved
from mono.model import checkpoint
from mono.model.download import find_or_fetch, may_fetch
from mono.model.zoo import MODELS
from tests.hub_server import Hub

ROOT = Path(__file__).parents[2]
PHOTO = next(path for path in sorted((ROOT / "data" / "wild_demo").iterdir()) if path.suffix == ".jpg")
IMAGE = np.random.default_rng(0).integers(0, 255, (60, 90, 3), np.uint8)
CAMERA = Camera.from_fov(57, 90, 60)


@pytest.fixture(scope="module")
def lite():
    return mono.load_model("lite", device="cpu")


@pytest.fixture(scope="module")
def folder(lite, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model"
    lite.save_pretrained(path)
    return path


def test_a_saved_model_gives_the_same_bits(lite, folder):
    expected = lite.predict(IMAGE, CAMERA)
    for again in (
        mono.from_pretrained(folder, device="cpu"),
        mono.load_model(folder, device="cpu"),
        mono.load_model(f"hf:{folder}", device="cpu"),
    ):
        assert (again.name, again.checksum, again.transform) == ("lite", lite.checksum, lite.transform)
        found = again.predict(IMAGE, CAMERA)
        np.testing.assert_array_equal(found.depth, expected.depth)
        np.testing.assert_array_equal(found.confidence, expected.confidence)


def test_other_checkpoints_and_options_are_kept(tiny_checkpoint, tmp_path):
    options = {"data_basic.crop_size": (96, 160), "data_basic.fit": "tight"}
    model = mono.load_model("convtiny.0.3_150.py", checkpoint=tiny_checkpoint, device="cpu", options=options)
    files = model.save_pretrained(tmp_path / "tiny", trained_on="made-up numbers", license="apache-2.0")
    assert {path.name for path in files} == set(os.listdir(tmp_path / "tiny"))
    again = mono.from_pretrained(tmp_path / "tiny", device="cpu")
    assert again.transform == model.transform and again.name == "convtiny.0.3_150"
    np.testing.assert_array_equal(again.predict(IMAGE, CAMERA).depth, model.predict(IMAGE, CAMERA).depth)
    card = (tmp_path / "tiny" / "README.md").read_text()
    assert "license: apache-2.0" in card and "| trained on | made-up numbers |" in card
    assert "model-index" not in card and "Nothing was measured with these weights" in card
    wider = mono.from_pretrained(tmp_path / "tiny", device="cpu", options={"data_basic.crop_size": (128, 160)})
    assert wider.transform.crop_size == (128, 160)
    again.save_pretrained(tmp_path / "copy")
    assert (tmp_path / "copy" / "README.md").read_text() == card


@pytest.mark.parametrize("path", sorted({record.config for record in MODELS.values()}))
def test_every_config_survives(path, tmp_path):
    from mono.inference.pretrained import _values

    config = read_config(path)
    holder = type("Predictor", (), {"architecture": config.architecture, "transform": config.transform})
    text = json.dumps({"model_type": "metricdepth", "name": "x", **_values(holder)})
    (tmp_path / "config.json").write_text(text)
    _, again = read_saved(tmp_path)
    assert again.architecture == config.architecture and again.transform == config.transform
    assert CONFIGS not in again.path.parents


def test_the_card_has_data_numbers_license_and_failures(lite, folder, tmp_path):
    card = (folder / "README.md").read_text()
    for part in ("license: bsd-2-clause", "model-index", "type: abs_rel", "value: 0.173\n", "rendered scenes"):
        assert part in card
    assert f"`{lite.checksum}`" in card and "Scale of rooms" in card and "focal length" in card
    from huggingface_hub import ModelCard

    results = ModelCard(card).data.eval_results
    assert len(results) == 15 and {result.metric_type for result in results} == {"abs_rel", "delta1", "rmse"}
    out = tmp_path / "out"
    mono.evaluate(ROOT / "data/nyu_demo/test_annotations.json", lite, out=out, protocol="nyu_eigen", report=False)
    lite.save_pretrained(tmp_path / "scored", evaluations={"rendered rooms": out})
    expected = json.loads((out / "metrics.json").read_text())["per_image"]
    mean = np.mean([tiers["metric"]["abs_rel"] for tiers in expected.values()])
    row = next(line for line in (tmp_path / "scored/README.md").read_text().splitlines() if "| rendered rooms" in line)
    assert row.startswith(f"| rendered rooms | 3 | nyu_eigen | {mean:.3f} |")
    metrics = json.loads((out / "metrics.json").read_text())
    metrics["run"]["checksum_sha256"] = "0" * 64
    (out / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(ValueError, match="other weights"):
        lite.save_pretrained(tmp_path / "wrong", evaluations={"rooms": out})
    assert not list((tmp_path / "wrong").iterdir())


def test_a_fine_tuned_model_says_so(lite, tmp_path):
    tuned = tmp_path / "run" / "model.safetensors"
    tuned.parent.mkdir()
    from safetensors.torch import load_file, save_file

    tensors = load_file(lite.checkpoint)
    name = next(name for name in tensors if name.endswith("coarse.weight"))
    tensors[name] *= 1.01
    save_file(tensors, tuned, {"from": "lite.safetensors", "finetuned": "true"})
    score = {"abs_rel": 0.12345, "delta1": 0.9, "scale": 1.0, "spread": 0.1, "aligned_delta1": 0.9}
    scores = {"before": score, "after": score, "improved": True, "frames": 321, "held_out": 17}
    (tuned.parent / "finetune.json").write_text(json.dumps(scores))
    model = mono.load_model(tuned, device="cpu")
    model.save_pretrained(tmp_path / "saved")
    card = (tmp_path / "saved" / "README.md").read_text()
    assert "321 annotated images of the author's, from lite.safetensors" in card
    assert "| held-out | 17 |" in card and "value: 0.1235" in card and "kitti_object" not in card
    np.testing.assert_array_equal(
        mono.from_pretrained(tmp_path / "saved", device="cpu").predict(IMAGE, CAMERA).depth,
        model.predict(IMAGE, CAMERA).depth,
    )


def test_nothing_of_others_is_overwritten(lite, folder, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "dpt"}')
    with pytest.raises(ValueError, match="another kind of model"):
        lite.save_pretrained(tmp_path)
    (tmp_path / "config.json").unlink()
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(ValueError, match="no card of these weights"):
        lite.save_pretrained(tmp_path)
    assert os.listdir(tmp_path) == ["README.md"]
    before = (folder / "README.md").read_text() + "More.\n"
    (folder / "README.md").write_text(before)
    lite.save_pretrained(folder)
    assert (folder / "README.md").read_text() == before
    with pytest.raises(ValueError, match="is there already"):
        lite.save_pretrained(folder, trained_on="x")
    with pytest.raises(ValueError, match="must be an identifier"):
        lite.save_pretrained(tmp_path / "evil", license="bsd\n---\nother: 1")
    assert not list((tmp_path / "evil").iterdir())
    with pytest.raises(ValueError, match="no name of a repository"):
        lite.push_to_hub("nonsense name")
    with pytest.raises(ValueError, match="no model is named"):
        mono.from_pretrained("")
    with pytest.raises(ValueError, match="only networks of this package"):
        body = "class A:\n    def load(self): 0\n    def infer(self, image, camera): return {}"
        (tmp_path / "a.py").write_text(body)
        mono.load_model(f"baseline:{tmp_path / 'a.py'}", device="cpu").save_pretrained(tmp_path / "b")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data_basic": None}, "has no data_basic"),
        ({"name": "../../etc"}, "the model's name"),
        (
            {"model": {"encoder": "hf-hub:evil/model", "decoder": {"type": "LiteDecoder", "widths": [1]}}},
            "name of timm",
        ),
        ({"model": {"encoder": "resnet", "decoder": {"type": "NoDecoder", "widths": [1]}}}, "no decoder"),
        ({"model_type": "dpt"}, "there is no model"),
    ],
)
def test_damaged_settings_are_named(folder, tmp_path, change, message):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    values = json.loads((folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(values | change))
    with pytest.raises(ValueError, match=message):
        mono.load_model(tmp_path, device="cpu")


def test_damaged_files_are_named(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    with pytest.raises(ValueError, match="does not match its checksum"):
        mono.load_model(tmp_path, device="cpu")
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"there is no file .*model.safetensors"):
        mono.from_pretrained(tmp_path, device="cpu")
    (tmp_path / "config.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match="no JSON object"):
        mono.from_pretrained(tmp_path, device="cpu")
    with pytest.raises(ValueError, match="has no revision v1"):
        mono.from_pretrained(tmp_path, revision="v1")


def python(body, cache, folder=None, **environment):
    values = {"HF_HOME": str(cache), "HF_HUB_DISABLE_TELEMETRY": "1", "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(body)],
        cwd=folder, env=os.environ | values, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_hub_takes_and_gives_models(lite, tmp_path):
    np.save(tmp_path / "image.npy", IMAGE)
    body = """
        import mono
        model = mono.load_model("lite", device="cpu")
        print(model.push_to_hub("me/small", token="x"))
        print(model.push_to_hub("me/small", token="x", revision="v2", trained_on="more"))
    """
    predict = f"""
        import mono, numpy as np
        image = np.load({str(tmp_path / "image.npy")!r})
        model = mono.from_pretrained("me/small", device="cpu")
        np.save({str(tmp_path / "depth.npy")!r}, model.predict(image, mono.Camera.from_fov(57, 90, 60)).depth)
    """
    find = """
        from mono.inference.pretrained import find_saved
        for revision in (None, "v2", COMMIT):
            folder = find_saved("me/small", revision)
            print(folder.name, (folder / "README.md").read_text().count("more |"), len(list(folder.iterdir())))
    """
    failing = """
        from mono.inference.pretrained import find_saved
        for source in (("me/none",), ("me/small", "v9"), ("nonsense name",)):
            try:
                print(find_saved(*source))
            except ValueError as error:
                print(error)
    """
    expected = lite.predict(IMAGE, CAMERA).depth
    with Hub() as hub:
        first, second = (
            line.rsplit("/", 1)[1] for line in python(body, tmp_path / "a", HF_ENDPOINT=hub.url).splitlines()
        )
        files = hub.commits[first]
        assert files["model.safetensors"] == lite.checkpoint.read_bytes() and b"metricdepth" in files["config.json"]
        find = find.replace("COMMIT", repr(first))
        online = "\n".join(map(textwrap.dedent, (predict, find, failing)))
        *lines, none, revision, nonsense = python(online, tmp_path / "b", HF_ENDPOINT=hub.url).splitlines()
        assert lines == [f"{first} 0 3", f"{second} 1 3", f"{first} 0 3"]
        np.testing.assert_array_equal(np.load(tmp_path / "depth.npy"), expected)
        assert "there is no repository me/none" in none and "has no revision v9" in revision
        assert "no name of a repository" in nonsense
        asked = len(hub.requests)
        assert python(find, tmp_path / "b", HF_HUB_OFFLINE="1").splitlines() == lines
        assert "check the name and the network" in python(failing, tmp_path / "c", HF_HUB_OFFLINE="1")
        assert len(hub.requests) == asked


def test_released_checkpoints_are_fetched_when_allowed_only(tmp_path):
    body = """
        import json, os, sys
        from pathlib import Path
        from mono.model.checkpoint import checked_sha256
        from mono.model.download import find_or_fetch
        from mono.model.zoo import MODELS

        def attempt(download):
            try:
                path = find_or_fetch(MODELS["convnext_tiny"], download)
                print(path, checked_sha256(path), flush=True)
                return path
            except ValueError as error:
                print("error", error, flush=True)
        attempt(None)  # no terminal: no
        os.environ["METRICDEPTH_DOWNLOAD"] = "1"
        attempt(False)
        path = attempt(None)
        attempt(False)  # from the cache
        own = Path("weight", MODELS["convnext_tiny"].file)
        own.parent.mkdir()
        own.write_bytes(b"mine")
        attempt(True)
        own.unlink()
        path.resolve().write_bytes(b"damaged")
        attempt(True)
        assert "torch" not in sys.modules
    """
    content = b"\x80 tensors"
    with Hub() as hub:
        hub.commit("JUGGHM/Metric3D", "main", {MODELS["convnext_tiny"].file: content})
        lines = python(body, tmp_path / "cache", HF_ENDPOINT=hub.url, folder=tmp_path).splitlines()
        assert len([request for request in hub.requests if request.startswith("GET")]) == 1
    assert "metricdepth download convnext_tiny" in lines[0] and "METRICDEPTH_DOWNLOAD=1" in lines[1]
    path, checksum = lines[2].split()
    assert Path(path).is_relative_to(tmp_path / "cache" / "hub") and checksum == hashlib.sha256(content).hexdigest()
    assert lines[3] == lines[2] and lines[4].startswith("weight/") and "is damaged" in lines[5] and len(lines) == 6


def test_a_user_is_asked_on_a_terminal_alone(monkeypatch, capsys):
    record = MODELS["convnext_tiny"]
    monkeypatch.delenv("METRICDEPTH_DOWNLOAD", raising=False)
    monkeypatch.setattr(checkpoint, "find_checkpoint", lambda record: 1 / 0)
    assert not may_fetch(record, None) and may_fetch(record, True) and not may_fetch(MODELS["lite"], True)
    for answer, expected in (("y\n", True), ("\n", False), ("no\n", False), ("", False)):
        stdin = type("In", (), {"isatty": lambda self: True, "readline": lambda self, a=answer: a})()
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        assert may_fetch(record, None) is expected
        assert "124 MB" in capsys.readouterr().err
        monkeypatch.setenv("METRICDEPTH_DOWNLOAD", "0")
        assert not may_fetch(record, None) and not capsys.readouterr().err
        monkeypatch.delenv("METRICDEPTH_DOWNLOAD")
    with pytest.raises(ValueError, match="there is no checkpoint"):
        monkeypatch.undo()
        find_or_fetch(MODELS["vit_giant2"], False)


def test_transformers_loads_a_saved_model(lite, folder, tmp_path, monkeypatch):
    transformers = pytest.importorskip("transformers")
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    expected = lite.predict(PHOTO)
    model = transformers.AutoModelForDepthEstimation.from_pretrained(folder, trust_remote_code=True)
    processor = transformers.AutoImageProcessor.from_pretrained(folder, trust_remote_code=True)
    with torch.inference_mode():
        output = model(**processor(PIL.Image.open(PHOTO), return_tensors="pt"))
        given = model(**processor(images=[IMAGE, IMAGE[::-1]], cameras=CAMERA))
    np.testing.assert_array_equal(output.predicted_depth[0].numpy(), expected.depth)
    np.testing.assert_array_equal(given.predicted_depth[0].numpy(), lite.predict(IMAGE, CAMERA).depth)
    assert given.predicted_depth.shape == given.confidence.shape == (2, 60, 90)
    pipe = transformers.pipeline("depth-estimation", model=str(folder), trust_remote_code=True)
    found = pipe(str(PHOTO))
    np.testing.assert_array_equal(found["predicted_depth"].numpy(), expected.depth)
    assert found["depth"].size == PIL.Image.open(PHOTO).size
    pairs = pipe([PIL.Image.fromarray(IMAGE)] * 2, batch_size=2)
    np.testing.assert_array_equal(pairs[1]["predicted_depth"].numpy(), lite.predict(IMAGE).depth)
    model.save_pretrained(tmp_path / "again")
    np.testing.assert_array_equal(
        mono.from_pretrained(tmp_path / "again", device="cpu").predict(IMAGE, CAMERA).depth,
        lite.predict(IMAGE, CAMERA).depth,
    )
    with pytest.raises(ValueError, match="one size"):
        processor(images=[IMAGE, IMAGE[:30]])
    with pytest.raises(ValueError, match=r"^image 1 of the batch, counted from 0: the image is uint8"):
        processor(images=[IMAGE, IMAGE[..., 0]])
