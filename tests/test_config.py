from pathlib import Path

import pytest

import mono
from mono.config import CONFIGS, ConfigError, find_config, parse_options, read_config
from mono.evaluation.protocols import read_protocol


@pytest.mark.parametrize(
    ("name", "crop", "encoder"),
    [
        ("HourglassDecoder/convlarge.0.3_150.py", (544, 1216), "convnext_large"),
        ("convtiny.0.3_150.py", (544, 1216), "convnext_tiny"),
        ("test_kitti_convlarge.0.3_150.py", (512, 1088), "convnext_large"),
        ("mono/configs/HourglassDecoder/test_nyu_convlarge.0.3_150.py", (480, 1216), "convnext_large"),
    ],
)
def test_published_configs(name, crop, encoder):
    config = read_config(name)
    assert config.transform.crop_size == crop and config.encoder == encoder
    assert config.transform.focal_length == 1000 and config.transform.mode == "label"
    assert config.depth_range == (0.3, 150)


@pytest.mark.parametrize(("name", "iterations"), [("small", 4), ("large", 8), ("giant2", 8)])
def test_published_configs_of_the_vits(name, iterations):
    config = read_config(f"HourglassDecoder/vit.raft5.{name}.py")
    assert config.transform.crop_size == (616, 1064) and config.transform.multiple == 28
    assert config.depth_range == (0.1, 200) and config.iterations == iterations
    assert read_config(config.path, {"model.decoder.iterations": 1}).iterations == 1
    for wrong in (0, 2.5, True, "many"):
        with pytest.raises(ConfigError, match=r"iterations is .* at least 1"):
            read_config(config.path, {"model.decoder.iterations": wrong})
    with pytest.raises(ConfigError, match="multiples of 28"):
        read_config(config.path, {"data_basic.crop_size": (640, 960)})


def test_options_override_the_file():
    options = parse_options(["data_basic.crop_size=(544,928)", "data_basic.canonical_space.mode=image"])
    assert options == {"data_basic.crop_size": (544, 928), "data_basic.canonical_space.mode": "image"}
    config = read_config("convlarge.0.3_150.py", options)
    assert config.transform.crop_size == (544, 928) and config.transform.mode == "image"


def test_edges_are_guided_where_a_config_says_so():
    assert read_config("lite.py").transform.guided and not read_config("convlarge.0.3_150.py").transform.guided
    assert read_config("convlarge.0.3_150.py", parse_options(["data_basic.guided=True"])).transform.guided


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["data_basic.cropsize=(32,32)"], 'no "data_basic.cropsize" .did you mean "crop_size"'),
        (["crop_size"], "not of the form key=value"),
        (["data_basic.crop_size=(500,928)"], "multiples of 32"),
        (["data_basic.crop_size=544"], "2 numbers"),
        (["data_basic.crop_size=wide"], "2 numbers"),
        (["data_basic.depth_normalize=(5,1)"], "rising"),
        (["data_basic.fit=loose"], "fit"),
        (["data_basic.fit.what=1"], "nothing"),
        (["data_basic.guided=yes"], "guided is 'yes'; it must be True or False"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        read_config("convlarge.0.3_150.py", parse_options(options))


def test_wrong_files_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"no config nothing\.py; the package has convlarge"):
        read_config("nothing.py")
    (tmp_path / "published.py").write_text("_base_ = ['../_base_/models/convnext.py']")
    with pytest.raises(ConfigError, match=r"builds on .*models/convnext\.py, which is not there: copy that file"):
        read_config(tmp_path / "published.py")
    (tmp_path / "a.py").write_text("model = dict(encoder=")
    with pytest.raises(ConfigError, match=r"a\.py: the config cannot be read: SyntaxError"):
        read_config(tmp_path / "a.py")
    for key, written in (("data_basic", "crop_sise=(320, 480)"), ("data_basic", "canonical_space=dict(modes='label')"),
                         ("model", "decoder=dict(width=(1, 2))")):  # fmt: skip
        (tmp_path / "typo.py").write_text(f"_base_ = ['{CONFIGS / 'lite.py'}']\n{key} = dict({written})")
        name = written.partition("dict(")[2].partition("=")[0] or "crop_sise"
        with pytest.raises(ConfigError, match=rf'has "{name}", which nothing reads .did you mean "{name[:4]}'):
            read_config(tmp_path / "typo.py")
    (tmp_path / "b.py").write_text("model = dict(encoder='convnext_tiny')")
    with pytest.raises(ConfigError, match=r"b\.py: the config has no 'data_basic'"):
        read_config(tmp_path / "b.py")


PROGRAM = "from pathlib import Path\nPath(__file__).parent.joinpath('ran').touch()\nPath('ran').touch()\n"
NAMES = ["lite.py", "lite", "convtiny.0.3_150.py", "HourglassDecoder/convtiny.0.3_150.py", "_base_/canonical.py"]


@pytest.fixture
def hostile_folder(tmp_path, monkeypatch):
    """A current folder with a program under every name of the package's configs."""
    for name in [*NAMES, "mono/configs/lite.py", "training/lite.py", "finetune.py", "mine.py"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", [*NAMES, "mono/configs/lite.py"])
def test_a_name_never_means_a_file_in_the_current_folder(hostile_folder, name, caplog):
    assert find_config(name).resolve().is_relative_to(CONFIGS)
    assert "to run your own file, give ./" in caplog.text


def test_no_program_of_the_current_folder_is_run(hostile_folder, tiny_checkpoint, monkeypatch):
    options = {"data_basic.crop_size": (64, 96)}
    mono.load_model(device="cpu", options=options)
    mono.load_model("lite.py", device="cpu", options=options)
    mono.load_model(tiny_checkpoint, device="cpu", options=options)
    with pytest.raises(ConfigError, match=r"no config mine\.py; .*given by its path: \./mine\.py"):
        mono.load_model("mine.py", checkpoint=tiny_checkpoint, device="cpu")
    assert not list(hostile_folder.rglob("ran"))


@pytest.mark.parametrize("path", ["./lite.py", Path("lite.py"), "./mine.py"])
def test_a_path_is_the_file_itself(hostile_folder, path):
    assert find_config(path).resolve() == hostile_folder / Path(path)


def test_protocols_by_name_file_and_with_changes(tmp_path):
    assert read_protocol("nyu_eigen").max_depth == 10
    changed = read_protocol("nyu_eigen", {"max_depth": 8.0})
    assert (changed.max_depth, changed.crop, changed.name) == (
        8,
        read_protocol("nyu_eigen").crop,
        "nyu_eigen (changed)",
    )
    (tmp_path / "mine.py").write_text("protocol = dict(name='mine', max_depth=5.0, crop=(0.1, 0.9, 0.0, 1.0))")
    mine = read_protocol(str(tmp_path / "mine.py"))
    assert mine.name == "mine" and mine.window(100, 50) == (slice(10, 90), slice(0, 50))
    (tmp_path / "bad.py").write_text("protocol = dict(name='mine', max_dept=5.0)")
    for name, message in (
        (str(tmp_path / "bad.py"), "max_dept"),
        ("nowhere.py", "there is no protocol nowhere.py"),
        ("kiti", "kitti_eigen"),
    ):
        with pytest.raises(ValueError, match=message):
            read_protocol(name)


def test_a_bare_name_never_runs_a_protocol_file(hostile_folder):
    (hostile_folder / "kitti_eigen.py").write_text("open('ran', 'w')\nprotocol = dict(name='mine')")
    for name in ("kitti_eigen.py", "mine.py"):
        with pytest.raises(ConfigError, match=f"given by its path: ./{name}"):
            read_protocol(name)
    assert read_protocol("kitti_eigen").max_depth == 80
    assert not list(hostile_folder.rglob("ran"))
    assert read_protocol("./kitti_eigen.py").name == "mine" and (hostile_folder / "ran").exists()
