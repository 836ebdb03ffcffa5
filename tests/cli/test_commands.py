import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from mono.cli.main import main
from mono.model.zoo import MODELS
from mono.tools import test_scale_cano
from tests.golden.reference_values import reference_image

ROOT = Path(__file__).parents[2]


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(2):
        PIL.Image.fromarray(reference_image(48, 64, i)).save(folder / f"{i}.jpg")
    return folder


def test_help_of_every_command_is_there(capsys):
    for command in (
        "predict",
        "evaluate",
        "models",
        "download",
        "annotate",
        "scenes",
        "train",
        "finetune",
        "compare",
        "export",
        "bench",
    ):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0 and "usage: metricdepth " + command in capsys.readouterr().out


def test_help_imports_nothing_heavy():
    heavy = ("torch", "cv2", "timm", "open3d", "mmengine", "matplotlib", "PIL.Image")
    code = f"import sys, mono.cli.main; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_models_are_listed(capsys):
    assert main(["models"]) == 0
    message = capsys.readouterr().out
    for record in MODELS.values():
        assert record.name in message and record.licence in message and record.paper in message
    assert "https://huggingface.co/JUGGHM/Metric3D/resolve/main/convtiny_hourglass_v1.pth" in message


def test_predict_with_the_model_that_ships(photos, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["predict", photos, "--out", out, "--save", "depth,vis,pcd", "--fov-deg", "60", "--device", "cpu"]
    assert main([str(a) for a in arguments]) == 0
    message = capsys.readouterr().out
    assert "2 images done" in message and "given" in message and str(out / "manifest.jsonl") in message
    assert sorted(p.name for p in (out / "depth").glob("*.png")) == ["0.png", "1.png"]
    assert main([str(a) for a in arguments]) == 0
    assert "0 images done, 2 were done before" in capsys.readouterr().out


def test_the_published_command_line_on_photos_and_on_annotations(photos, tmp_path, capsys):
    lite = str(ROOT / "weight" / "lite.safetensors")
    common = ["lite", "--load-from", lite, "--device", "cpu"]
    photo_run = [*common, "--test_data_path", str(photos), "--show-dir", str(tmp_path / "show"), "--batch_size", "2"]
    assert test_scale_cano.main([*photo_run, "--launcher", "None"]) == 0
    assert {p.parent.name for p in (tmp_path / "show").glob("*/*")} == {"depth", "vis", "pcd"}
    assert "assumed" in capsys.readouterr().out

    np.save(photos / "0.npy", np.full((48, 64), 3, np.float32))
    entry = {"rgb": "0.jpg", "depth": "0.npy", "cam_in": [60, 60, 31.5, 23.5]}
    (photos / "my.json").write_text(json.dumps({"files": [entry]}))
    arguments = ["--test_data_path", str(photos / "my.json"), "--show-dir", str(tmp_path / "eval")]
    assert test_scale_cano.main([*common, *arguments, "--options", "data_basic.crop_size=(256,320)"]) == 0
    message = capsys.readouterr().out
    assert "AbsRel" in message and "delta3" in message and "metric" in message
    found = json.loads((tmp_path / "eval" / "metrics.json").read_text())
    assert found["images"] == 1 and found["run"]["model"] == "lite" and len(found["run"]["checksum_sha256"]) == 64
    assert found["run"]["transform"]["crop_size"] == [256, 320]
    assert found["protocol"]["name"] == "none"
    page = (tmp_path / "eval" / "report.html").read_text()
    assert "lite on photos_my" in page and "0.jpg" in page and "data:image" in page


def test_interruption_says_how_to_go_on(monkeypatch, capsys):
    def interrupted(args):
        raise KeyboardInterrupt

    monkeypatch.setattr("mono.cli.models.list_models", interrupted)
    assert main(["models"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
    monkeypatch.setattr("mono.cli.predict.run", interrupted)
    assert main(["predict", "a.jpg"]) == 130
    assert "goes on where it stopped" in capsys.readouterr().err


def test_the_scripts_leave_the_callers_shell_as_it_was(tmp_path):
    for name in ("test.sh", "test_kitti.sh", "test_nyu.sh"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "mono" / "tools").mkdir(parents=True)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "env.sh").write_text(f"PYTHON={sys.executable}")
    (tmp_path / "mono" / "tools" / "test_scale_cano.py").write_text("import sys; print(sys.argv[1:]); sys.exit(3)")
    loop = "for s in test test_kitti test_nyu; do source $0/$s.sh --more x; echo $? $PWD $-; done"
    script = f"cd /; {loop}; set -o | grep errexit"
    done = subprocess.run(["bash", "-c", script, tmp_path], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith("3 ")] == [["3", "/"]] * 3
    assert "errexit        \toff" in done.stdout
    calls = [line for line in lines if line.startswith("[")]
    assert len(calls) == 3 and all(call.endswith("'--more', 'x']") for call in calls)
    assert "data/kitti_demo/test_annotations.json" in calls[1] and "'kitti_eigen_garg'" in calls[1]
    assert lines[1].startswith("3 ") and "the small model that ships is measured instead" in done.stdout
