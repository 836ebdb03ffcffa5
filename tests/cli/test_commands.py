import argparse
import errno
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from mono.cli.commands import COMMANDS
from mono.cli.main import build_parser, guarded, main
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


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    message = capsys.readouterr().out
    assert ended.value.code == 0 and f"usage: metricdepth {name}" in message
    if name != "scenes":
        sentence = message.partition("\n\n")[2].partition("\n\n")[0]
        assert sentence[0].isupper() and "." in sentence
        assert f"\nexample: metricdepth {name}" in message


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "scenes"])
def test_every_example_can_be_parsed(name):
    words = shlex.split(COMMANDS[name].example)
    assert words[0] == "metricdepth"
    assert build_parser(name).parse_args(words[1:]).command == name


def test_the_overview_lists_every_command_by_group(capsys):
    assert main([]) == 0
    bare = capsys.readouterr().out
    for word in ("--help", "-h", "help"):
        assert main([word]) == 0
        assert capsys.readouterr().out == bare
    for group in ("predict:", "data:", "evaluate:", "train:", "video and SLAM:", "deploy:"):
        assert f"\n{group}\n" in bare
    assert all(
        re.search(rf"^  {name} +{re.escape(command.summary)}$", bare, re.M) for name, command in COMMANDS.items()
    )
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("metricdepth ")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["photo.jpg", "--save", "my depth"], "metricdepth predict photo.jpg --save 'my depth'"),
        (["*.png"], "metricdepth predict '*.png'"),
        (["predct"], 'did you mean "metricdepth predict"?'),
        (["xyzzy"], "metricdepth --help lists them"),
        (["x" * 5000], "metricdepth --help lists them"),
    ],
)
def test_what_is_no_command_gets_a_hint(words, hint, capsys):
    assert main(words) == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "predict a.jpg --modle lite",
            '--modle lite (did you mean "--model"?); metricdepth predict --help lists the flags',
        ),
        (
            "predict a.jpg --intrinsics 1000 1000 375 281",
            "joined by commas, without spaces); metricdepth predict --help",
        ),
        ("predict a.jpg --save", "argument --save: expected one argument; metricdepth predict --help lists the flags"),
        ("scenes rendr", "(choose from 'render', 'panoramas', 'sequence'); metricdepth scenes --help lists the flags"),
    ],
)
def test_wrong_flags_are_named_in_one_line(words, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.count("\n") == 1 and message in error


def test_short_forms_and_former_spellings_work(capsys):
    parser = build_parser("predict")
    args = parser.parse_args(["predict", "-i", "a.jpg", "-o", "out", "--batch_size", "3"])
    assert (args.input, args.out, args.batch_size) == (["a.jpg"], Path("out"), 3)
    assert parser.parse_args(["predict", "a.jpg", "--batch-size", "4"]).batch_size == 4
    with pytest.raises(SystemExit):
        parser.parse_args(["predict", "--help"])
    message = capsys.readouterr().out
    assert "--batch-size" in message and "--batch_size" not in message and "-o DIR, --out DIR" in message


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
    assert "0 images done, 2 done before" in capsys.readouterr().out


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
    assert lines[1].startswith("3 ") and "the small model that ships is used instead" in done.stdout


def test_other_data_go_to_a_folder_of_their_own(photos, tmp_path, monkeypatch, capsys):
    np.save(photos / "0.npy", np.full((48, 64), 3, np.float32))
    entry = {"rgb": "0.jpg", "depth": "0.npy", "cam_in": [60, 60, 31.5, 23.5]}
    for name in ("annotations.json", "my.json"):
        (photos / name).write_text(json.dumps({"files": [entry]}))
        words = ["lite", "--test_data_path", str(photos / "nothing.json"), "--show-root", str(tmp_path / "outputs")]
        words += ["--device", "cpu", "--save", "none", "--options", "data_basic.crop_size=(256,320)"]
        assert test_scale_cano.main([*words, "--test_data_path", str(photos / name)]) == 0
    assert sorted(p.name for p in (tmp_path / "outputs").iterdir()) == ["photos", "photos_my"]
    for name in ("test.sh", "test_kitti.sh", "test_nyu.sh"):
        assert '--show-root "$OUTPUTS"' in (ROOT / name).read_text()


def test_photos_without_depth_are_not_measured_and_the_output_says_so(photos, tmp_path, capsys):
    out, words = tmp_path / "out", ["--device", "cpu", "--save", "none", "--options", "data_basic.crop_size=(256,320)"]
    (photos / "my.json").write_text(json.dumps({"files": [{"rgb": "0.jpg"}]}))
    line = "nothing was measured, and no metrics.json written: no image has ground truth that counts; metrics need"
    for data in (photos, photos / "my.json"):
        command = ["lite", "--test_data_path", str(data), "--show-dir", str(out), "--protocol", "nyu_eigen", *words]
        assert test_scale_cano.main(command) == 0
        assert line in capsys.readouterr().out
    assert main(["evaluate", str(photos / "my.json"), "--out", str(out), "--protocol", "nyu_eigen", *words]) == 0
    assert line in capsys.readouterr().out and not (out / "metrics.json").exists()
    assert test_scale_cano.main(["lite", "--test_data_path", str(photos), "--show-dir", str(out), *words]) == 0
    assert "nothing was measured" not in capsys.readouterr().out


def test_the_published_script_runs_where_the_package_is_not_installed(tmp_path):
    script = ROOT / "mono" / "tools" / "test_scale_cano.py"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, script, "--help"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "--test_data_path" in done.stdout, done.stderr


@pytest.mark.skipif(os.name == "nt", reason="pipes of Windows raise another error")
def test_a_reader_that_has_enough_ends_a_command_without_a_word():
    for unbuffered in ("", "1"):
        reader, writer = os.pipe()
        os.close(reader)
        environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
        command = [sys.executable, "-m", "mono", "models"]
        ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, cwd=ROOT, env=environment)
        os.close(writer)
        assert (ended.returncode, ended.stderr) == (141, b"")


def test_another_pipe_that_breaks_is_an_error(capfd):
    def command(_):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe", "worker")

    assert guarded(command, argparse.Namespace()) == 2 and "worker: Broken pipe" in capfd.readouterr().err


def test_warnings_of_the_hub_are_printed_once():
    pytest.importorskip("huggingface_hub")
    body = (
        "import argparse, logging\nfrom mono.cli.main import guarded\n"
        "def command(_):\n"
        "    import huggingface_hub.utils\n"
        "    logging.getLogger('huggingface_hub.utils').warning('Retrying in 1s')\n"
        "    return 0\n"
        "raise SystemExit(guarded(command, argparse.Namespace()))"
    )
    ended = subprocess.run([sys.executable, "-c", body], capture_output=True, text=True, cwd=ROOT, check=True)
    assert ended.stderr.count("Retrying") == 1
