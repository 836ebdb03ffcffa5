import pytest

from mono.config import ConfigError, parse_options, read_config


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


def test_options_override_the_file():
    options = parse_options(["data_basic.crop_size=(544,928)", "data_basic.canonical_space.mode=image"])
    assert options == {"data_basic.crop_size": (544, 928), "data_basic.canonical_space.mode": "image"}
    config = read_config("convlarge.0.3_150.py", options)
    assert config.transform.crop_size == (544, 928) and config.transform.mode == "image"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["data_basic.cropsize=(32,32)"], 'no "data_basic.cropsize" .did you mean "crop_size"'),
        (["crop_size"], "not of the form key=value"),
        (["data_basic.crop_size=(500,928)"], "multiples of 32"),
        (["data_basic.crop_size=544"], "2 numbers"),
        (["data_basic.crop_size=wide"], "2 numbers"),
        (["data_basic.depth_normalize=(5,1)"], "rising"),
        (["data_basic.fit=loose"], "fit"),
        (["data_basic.fit.what=1"], "nothing"),
    ],
)
def test_wrong_options_are_named(options, said):
    with pytest.raises(ConfigError, match=said):
        read_config("convlarge.0.3_150.py", parse_options(options))


def test_wrong_files_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"no config nothing\.py; the package has convlarge"):
        read_config("nothing.py")
    (tmp_path / "a.py").write_text("model = dict(encoder=")
    with pytest.raises(ConfigError, match=r"a\.py: the config cannot be read: SyntaxError"):
        read_config(tmp_path / "a.py")
    (tmp_path / "b.py").write_text("model = dict(encoder='convnext_tiny')")
    with pytest.raises(ConfigError, match=r"b\.py: the config has no 'data_basic'"):
        read_config(tmp_path / "b.py")
