import argparse
import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from mono.cli import arguments, session
from mono.cli.main import build_parser, main
from mono.io.depth import read_depth
from mono.io.pixel_maps import read_mask
from mono.system.distributed import Ranks
from tests.golden.reference_values import reference_image


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(2):
        PIL.Image.fromarray(reference_image(48, 64, i)).save(folder / f"{i}.png")
    return folder


def test_normals_are_saved_in_the_format_asked_for(photos, tmp_path, toy, capsys):
    out = tmp_path / "out"

    def predict(*more):
        assert main(["predict", str(photos), "--out", str(out), "--fov-deg", "60", *more]) == 0
        return sorted(str(p.relative_to(out)) for p in out.rglob("*.*") if p.parent != out)

    made = predict("--save", "normal,pcd")
    assert made == sorted(f"{f}/{i}.{s}" for f, s in (("normal", "png"), ("normal_vis", "jpg"), ("pcd", "ply"))
                          for i in range(2))  # fmt: skip
    assert str(out / "normal") in capsys.readouterr().out
    assert b"property float nx" in (out / "pcd" / "0.ply").read_bytes()[:400]
    npy = ["--save", "normal", "--normal-format", "npy"]
    assert main(["predict", str(photos), "--out", str(out), "--fov-deg", "60", *npy]) == 2
    assert "another format of normals" in capsys.readouterr().err
    replaced = ["normal/0.npy", "normal/1.npy", "normal_vis/0.jpg", "normal_vis/1.jpg"]
    assert predict(*npy, "--overwrite") == replaced
    normal = np.load(out / "normal" / "0.npy")
    assert normal.shape == (48, 64, 3)
    np.testing.assert_allclose(np.linalg.norm(normal, axis=-1), 1, atol=1e-5)
    assert predict("--save", "depth") == ["depth/0.json", "depth/0.png", "depth/1.json", "depth/1.png", *replaced]


def test_the_least_confidence_is_any_number(photos, tmp_path, toy, caplog):
    arguments = ["predict", str(photos), "--fov-deg", "60", "--save", "pcd", "--edge-filter", "0"]
    for value, points in (("-3.5", 48 * 64), ("0.5", 48 * 64), ("1.5", 0)):  # the toy's confidence is 1
        caplog.clear()
        out = tmp_path / value
        assert main([*arguments, "--out", str(out), "--min-confidence", value]) == 0
        assert f"element vertex {points}\n".encode() in (out / "pcd" / "0.ply").read_bytes()
        assert ("min_confidence 1.5" in caplog.text) == (points == 0)
    assert main([*arguments, "--out", str(tmp_path / "bad"), "--min-confidence", "nan"]) != 0


def flags(*words):
    parser = argparse.ArgumentParser()
    arguments.add_machine_flags(parser)
    return parser.parse_args(words)


def test_iterations_become_a_config_value_beside_the_others(monkeypatch):
    import mono.inference.load

    given = {}
    monkeypatch.setattr(mono.inference.load, "load_model", lambda model, **values: given.update(values))
    options = ["--options", "data_basic.crop_size=(616,1064)", "model.decoder.iterations=3"]
    session.load_predictor(flags("--iterations", "8", *options), "vit_small", None, Ranks())
    assert given["options"] == {"data_basic.crop_size": (616, 1064), "model.decoder.iterations": 8}
    session.load_predictor(flags(), "vit_small", None, Ranks())
    assert given["options"] == {}
    with pytest.raises(ValueError, match="--iterations is 0; it must be at least 1"):
        session.load_predictor(flags("--iterations", "0"), "vit_small", None, Ranks())


@pytest.mark.parametrize("model", ["lite", "convnext_large", "convlarge.0.3_150.py"])
def test_networks_without_refinement_say_so(model):
    message = rf"^{model} has no refinement: --iterations is for vit_small, vit_large, vit_giant2$"
    with pytest.raises(ValueError, match=message):
        session.load_predictor(flags("--iterations", "4"), model, None, Ranks())


def test_a_checkpoint_of_such_a_network_says_so_too(tiny_checkpoint):
    with pytest.raises(ValueError, match=r"convtiny.pth has no refinement: --iterations is for vit_small"):
        session.load_predictor(flags("--iterations", "4"), str(tiny_checkpoint), None, Ranks())


def test_other_errors_in_options_stay_as_they_are():
    with pytest.raises(ValueError, match=r'the config has no "data_basic\.crop"'):
        session.load_predictor(flags("--iterations", "4", "--options", "data_basic.crop=3"), "vit_small", None, Ranks())


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_both_commands_have_the_flag(command, photos, tmp_path, capsys):
    entry = {"rgb": "0.png", "cam_in": [60, 60, 31.5, 23.5]}
    (photos / "my.json").write_text(json.dumps({"files": [entry]}))
    data = photos / "my.json" if command == "evaluate" else photos / "0.png"
    assert main([command, str(data), "--out", str(tmp_path / "out"), "--model", "lite", "--iterations", "2"]) != 0
    assert "lite has no refinement: --iterations is for vit_small" in capsys.readouterr().err


def test_a_field_of_view_is_assumed_where_nothing_else_is_known(photos, tmp_path, toy, capsys):
    exif = PIL.Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 28  # FocalLengthIn35mmFilm
    PIL.Image.fromarray(reference_image(48, 64, 5)).save(photos / "known.jpg", exif=exif)
    focals = {}
    for fov in ("60", "90"):
        out = tmp_path / fov
        assert main(["predict", str(photos), "--out", str(out), "--save", "depth", "--assume-fov", fov]) == 0
        records = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
        focals[fov] = {r["name"]: r["intrinsics"][0] for r in records}
        assert {r["name"]: r["camera_source"] for r in records} == {"0": "assumed", "1": "assumed", "known": "exif"}
    assert focals["60"]["0"] == pytest.approx(32 * 3**0.5, abs=1e-3) and focals["90"]["0"] == pytest.approx(32)
    assert focals["60"]["known"] == focals["90"]["known"] == pytest.approx(28 * 80 / 43.27, rel=1e-3)
    plain = ["predict", str(photos), "--out", str(tmp_path / "60"), "--save", "depth"]
    capsys.readouterr()
    assert main(plain) == 0  # 60 degrees are the default, so nothing is done twice
    assert "3 done before" in capsys.readouterr().out
    assert main([*plain, "--assume-fov", "180"]) == 2
    assert "assumed_fov_deg is 180.0; it must lie between 0 and 180" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*plain, "--assume-fov", "50", "--fov-deg", "50"])


def test_standard_errors_are_saved_and_a_second_run_finds_them(tmp_path, capsys):
    PIL.Image.fromarray(reference_image(60, 80, 1)).save(tmp_path / "photo.png")
    words = ["predict", str(tmp_path / "photo.png"), "-o", str(tmp_path / "out"), "--save", "depth,std"]
    words += ["--depth-format", "npy", "--threads", "1"]
    assert main(words) == 0
    depth, std = (np.load(tmp_path / "out" / kind / "photo.npy") for kind in ("depth", "std"))
    assert std.shape == depth.shape == (60, 80)
    assert (std[depth > 0] >= 0.249 * depth[depth > 0]).all()  # an assumed focal length alone adds 25 %
    capsys.readouterr()
    assert main(words) == 0
    assert "1 done before" in capsys.readouterr().out


def test_far_sky_that_pngs_cannot_hold_is_warned_of_first(tmp_path, caplog):
    photo = Path(__file__).parents[2] / "data/wild_demo/leuven.jpg"
    PIL.Image.open(photo).resize((320, 214)).save(tmp_path / "a.jpg")
    words = ["predict", str(tmp_path / "a.jpg"), "--focal-px", "300", "--sky", "far", "--save", "depth,sky"]
    for name, more, fits in (("mm", [], False), ("wide", ["--depth-scale", "200"], True)):
        caplog.clear()
        assert main([*words, *more, "--out", str(tmp_path / name)]) == 0
        sky = read_mask(tmp_path / name / "sky/a.png") >= 0.5
        depth = read_depth(tmp_path / name / "depth/a.png")[sky]
        assert sky.mean() > 0.1 and np.median(depth) == pytest.approx(200 if fits else 0, abs=0.01)
        warning = (
            "PNGs end at 65.5 m here, and the sky lies at up to 200 m, so it stays 0 in them: add --depth-scale 200"
        )
        assert (warning in caplog.text) == (not fits)
    for more in (["--depth-format", "npy"], ["--depth-scale", "auto"], ["--save", "sky"]):
        caplog.clear()
        arguments.run_options(build_parser("predict").parse_args([*words, *more]), tmp_path / "o", None)
        assert "--sky far" not in caplog.text
