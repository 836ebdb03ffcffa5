"""Deep images whose values are no colors of 16 bits: text burnt in, temperatures, widened 8 bits, other containers."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mono.io.images import read_image
from tests.io.test_image_kinds import png16, tiff

Y, X = np.mgrid[:120, :160]
SCENE = (40 + 100 * (X > 80) + 60 * (Y > 60) + 20 * np.sin(X / 9) * np.sin(Y / 7)) / 220  # 0.1 to 1
COLORS = np.stack([SCENE, SCENE[:, ::-1], 1.1 - SCENE], -1)


def ppm(values: np.ndarray, maximum: int = 65535) -> bytes:
    head = f"P6\n# of a camera\n{values.shape[1]} {values.shape[0]}\n{maximum}\n"
    return head.encode() + values.astype(">u2").tobytes()


def codestream(values: np.ndarray, bare: bool) -> bytes:
    content = cv2.imencode(".jp2", values[..., ::-1], [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])[1].tobytes()
    return content[content.index(b"\xff\x4f\xff\x51") :] if bare else content


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("kind", ["ppm", "plain ppm", "jp2", "j2k"])
def test_deep_colors_of_fewer_bits_in_any_container(
    tmp_path: Path, kind: str, bits: int, caplog: pytest.LogCaptureFixture
) -> None:
    values = (COLORS / COLORS.max() * (2**bits - 1)).astype(np.uint16)
    content = ppm(values) if kind == "ppm" else codestream(values, kind == "j2k")
    if kind == "plain ppm":
        content = b"P3 160 120 65535\n" + " ".join(map(str, values.ravel())).encode() + b"\n"
    (tmp_path / "a").write_bytes(content)
    assert np.abs(read_image(tmp_path / "a").rgb - COLORS / COLORS.max() * 255).max() <= 1.5
    assert f"taken as {bits}-bit and brightened" in caplog.text


@pytest.mark.parametrize("maximum", [1023, 4095])
def test_a_ppm_that_states_its_bits_is_taken_at_its_word(
    tmp_path: Path, maximum: int, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "dark.ppm").write_bytes(ppm(COLORS * 0.1 * maximum, maximum))
    assert np.abs(read_image(tmp_path / "dark.ppm").rgb - COLORS * 25.5).max() <= 1.5
    assert not caplog.text


@pytest.mark.parametrize("kind", ["gray.png", "rgb.png", "rgb.ppm", "rgb.tif"])
def test_dark_photos_of_8_bits_widened_to_16_stay_dark(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    dark = ((SCENE if kind.startswith("gray") else COLORS) * 30).astype(np.uint16)
    write = {"png": png16, "ppm": ppm, "tif": tiff}[kind[-3:]]
    (tmp_path / kind).write_bytes(write(dark * 257))
    rgb = read_image(tmp_path / kind).rgb
    np.testing.assert_array_equal(rgb, dark if dark.ndim == 3 else np.stack([dark] * 3, -1))
    assert "brightened" not in caplog.text


@pytest.mark.parametrize("rows", [1, 4, 10])
@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize(("kind", "ink"), [("gray", 65535), ("gray", 30000), ("rgb", 65535)])
def test_text_burnt_in_does_not_darken_the_rest(
    tmp_path: Path, kind: str, ink: int, bits: int, rows: int, caplog: pytest.LogCaptureFixture
) -> None:
    scene = SCENE if kind == "gray" else COLORS / COLORS.max()
    values = (scene * (2**bits - 1)).astype(np.uint16)
    values[:rows, :150] = ink if kind == "gray" else (0, ink, 0)
    (tmp_path / "a.png").write_bytes(png16(values))
    rgb = read_image(tmp_path / "a.png").rgb[rows:].reshape(-1, 3)
    expected = scene[rows:].reshape(len(rgb), -1) * 255
    assert np.abs(rgb - expected).max() <= 1.5
    assert f"taken as {bits}-bit and brightened" in caplog.text


def test_what_may_be_burnt_in_or_a_lamp_is_reported_and_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    values = SCENE * 4000
    values[:, -8:] = np.linspace(65535, 0, 120)[:, None]  # the scale of a thermal image
    (tmp_path / "bar.png").write_bytes(png16(values.astype(np.uint16)))
    window = SCENE * 4000
    window[20:50, 20:50] = 65535
    (tmp_path / "window.png").write_bytes(png16(cv2.GaussianBlur(window, (0, 0), 1).astype(np.uint16)))
    for name in ("bar", "window"):
        assert np.median(read_image(tmp_path / f"{name}.png").rgb) < 16
        assert f"{name}.png: all but" in caplog.text
    assert "lie below 4096 of 65535, as if something were burnt into 12 bits" in caplog.text


def test_lamps_at_night_with_their_glow_are_highlights(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    away = np.hypot(X % 40 - 20, Y % 40 - 20)
    night = np.clip(SCENE * 0.06 + 1.5 * np.exp(-((away / 4) ** 2)) + 0.3 / (1 + away**2), 0, 1)
    for values in (night, np.stack([night] * 3, -1)):
        (tmp_path / "a.png").write_bytes(png16((values * 65535).astype(np.uint16)))
        assert np.abs(read_image(tmp_path / "a.png").rgb[..., 0] - night * 255).max() <= 1.5
    assert not caplog.text


@pytest.mark.parametrize(
    ("low", "high", "kind"),
    [
        (15, 36, np.float32), (18, 27, np.float32), (-12, 25, np.float32), (283, 313, np.float32),
        (29000, 30500, np.uint16), (7000, 8300, np.uint16), (-120, 300, np.int16), (-2.1, 2.6, np.float32),
    ],
)  # fmt: skip
def test_temperatures_are_stretched_from_black_to_white(
    tmp_path: Path, low: float, high: float, kind: type, caplog: pytest.LogCaptureFixture
) -> None:
    shown = (SCENE - SCENE.min()) / (SCENE.max() - SCENE.min())
    values = (low + shown * (high - low)).astype(kind)
    values[0, :3] = 0  # dead pixels
    (tmp_path / "a.tif").write_bytes(tiff(values))
    rgb = read_image(tmp_path / "a.tif").rgb[..., 0]
    assert np.abs(rgb - shown * 255)[1:].max() <= 4
    assert "as temperatures do: they are stretched from black to white" in caplog.text
    assert "16-bit values" not in caplog.text


@pytest.mark.parametrize(
    ("low", "high", "kind", "message"),
    [
        (0.5, 0.6, np.float32, "10 % of what is black to white: its depth is doubtful"),
        (33000, 38000, np.uint16, "7.6 % of what is black to white: its depth is doubtful"),
        (39316, 42595, np.uint16, "5 % of what is black to white: its depth is doubtful"),
        (62906, 65535, np.uint16, "4 % of what is black to white: its depth is doubtful"),
        (32000, 33400, np.uint16, "2.1 % of what is black to white: its depth is doubtful"),
        (230, 255, np.float32, "9.8 % of what is black to white: its depth is doubtful"),
        (125, 130, np.float32, "2 % of what is black to white: its depth is doubtful"),
        (10, 60, np.float32, "its floats reach only 59.9 of 255: if they are no colors, scale them to 0..1"),
    ],
)
def test_little_contrast_that_may_be_fog_is_reported_and_left(
    tmp_path: Path, low: float, high: float, kind: type, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    shown = (SCENE - SCENE.min()) / (SCENE.max() - SCENE.min())
    values = (low + shown * (high - low)).astype(kind)
    white = 1 if high < 1 else 255 if high < 256 else 65535
    for pixels in (values, np.stack([values] * 3, -1)):
        if pixels.ndim == 3 and kind is np.uint16:
            pixels = pixels.astype(np.float32)  # bright integers are left to Pillow
        caplog.clear()
        (tmp_path / "a.tif").write_bytes(tiff(pixels))
        assert np.abs(read_image(tmp_path / "a.tif").rgb[..., 0] - values / white * 255.0).max() <= 1
        assert message in caplog.text and "stretched" not in caplog.text


@pytest.mark.parametrize(
    ("scale", "kind", "stars", "most"),
    [(1, np.float32, 0, 1), (1, np.float32, 5, 1), (65535, np.float32, 5, 20), (10000, np.int16, 5, 12)],
)
def test_noise_about_black_stays_black(
    tmp_path: Path, scale: float, kind: type, stars: int, most: float, caplog: pytest.LogCaptureFixture
) -> None:
    night = np.random.default_rng(0).normal(0, 0.003, SCENE.shape)
    night[40, 20 : 20 + stars] = 1
    (tmp_path / "a.tif").write_bytes(tiff((night * scale).astype(kind)))
    rgb = read_image(tmp_path / "a.tif").rgb
    assert rgb.mean() < most and (rgb[40, 20 : 20 + stars] > 150).all()
    assert "temperatures" not in caplog.text


@pytest.mark.parametrize("kind", [np.uint16, np.float64, np.float32])
@pytest.mark.parametrize("bits", [12, 16])
def test_white_as_zero_is_inverted_within_the_bits_that_are_used(tmp_path: Path, kind: type, bits: int) -> None:
    most = 2**bits - 1
    (tmp_path / "a.tif").write_bytes(tiff((most - SCENE * most).astype(kind), extra={262: 0}))
    assert np.abs(read_image(tmp_path / "a.tif").rgb[..., 0] - SCENE * 255).max() <= 1.5


def test_a_deep_photo_is_what_pillow_makes_of_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Image.fromarray((SCENE * 65535).astype(np.uint16)).save(tmp_path / "a.png")
    assert np.abs(read_image(tmp_path / "a.png").rgb[..., 0] - SCENE * 255).max() <= 0.6
    assert not caplog.text
