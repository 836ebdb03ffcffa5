"""Measurements over HTTP: exact numbers, their table, and refused values."""

import csv
import json

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from tests.app.server import ask, measured


def test_measurements_are_exact_and_follow_focal_length_and_scale_without_inference(opened):
    app, port, found = opened
    calls = app.predictors["exact"].calls
    across = {"name": "a", "pixels": [[239.5, 280], [399.5, 280]]}  # 160 px at 2 m with 400 px: 0.8 m
    square = {"name": "s", "pixels": [[279.5, 239.5], [359.5, 239.5], [359.5, 319.5], [279.5, 319.5]], "area": True}
    deep = {"name": "d", "pixels": [[319.5, 239.5]]}
    one, two, three = measured(port, found, [across, square, deep])
    assert one["length"] == pytest.approx(0.8, rel=1e-6) and one["horizontal"] == pytest.approx(0.8)
    assert one["vertical"] == pytest.approx(0, abs=1e-6)
    assert two["area"] == pytest.approx(0.16, rel=1e-6) and two["length"] == pytest.approx(1.6, rel=1e-6)
    assert three["length"] == pytest.approx(2.0, rel=1e-6)
    one, _, three = measured(port, found, [across, square, deep], focal_px=800)
    assert one["length"] == pytest.approx(0.8, rel=1e-6)  # sideways, longer focal length and longer depth cancel
    assert three["length"] == pytest.approx(4.0, rel=1e-6)
    one, two, three = measured(port, found, [across, square, deep], scale=1.5)
    assert [one["length"], two["area"], three["length"]] == pytest.approx([1.2, 0.36, 3.0], rel=1e-6)
    assert app.predictors["exact"].calls == calls


def test_csv_quotes_formulas(opened):
    _, port, found = opened
    body = {"measurements": [{"name": '=HYPERLINK("x")', "pixels": [[239.5, 280], [399.5, 280]]}]}
    status, _, data = ask(port, "POST", f"/api/photos/{found['id']}/measurements.csv", body)
    lines = data.decode().splitlines()
    assert status == 200 and lines[0].startswith("name,length [m],straight [m]")
    assert lines[1].startswith("\"'=HYPERLINK") and ",0.8000,0.8000,0.8000,0.0000,," in lines[1]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"null", b'{"measurements": 3}', b'{"measurements": [{}]}',
     b'{"measurements": [{"pixels": [[1]]}]}',
     b'{"scale": "x"}', b'{"scale": 1e9}', b'{"focal_px": 0.001}', b"[" * 100_000],
)  # fmt: skip
def test_bad_measurements_are_refused(opened, body):
    _, port, found = opened
    status, _, answer = ask(port, "POST", f"/api/photos/{found['id']}/measure", body)
    assert status == 400 and 10 < len(json.loads(answer)["error"]) < 300, answer[:200]


def test_points_without_depth_are_named_and_others_measured(opened):
    _, port, found = opened
    outside, fine = measured(port, found, [{"name": "o", "pixels": [[900, 3]]}, {"name": "f", "pixels": [[320, 240]]}])
    assert outside["error"] == "pixel (900, 3) lies outside the image of 640x480" and fine["length"] > 1.9


def test_the_table_keeps_what_could_not_be_measured(opened):
    _, port, found = opened
    items = [{"name": "out", "pixels": [[900, 3]]}, {"name": "wall", "pixels": [[319.5, 239.5]]}]
    status, _, data = ask(port, "POST", f"/api/photos/{found['id']}/measurements.csv", {"measurements": items})
    head, out, wall = csv.reader(data.decode().splitlines())
    assert status == 200 and head[-2:] == ["points [px]", "error"]
    assert out == ["out", *[""] * 6, "900,3", "pixel (900, 3) lies outside the image of 640x480"]
    assert wall == ["wall", "2.0000", *[""] * 5, "319.5,239.5", ""]


BIG = b"1" + b"0" * 400  # no float holds it


@pytest.mark.parametrize("path", ["measure", "measurements.csv", "project"])
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"measurements": [{"pixels": [[NaN, 1]]}]}', "a coordinate of a pixel is nan; give two finite numbers"),
        (b'{"measurements": [{"pixels": [[1e999, 1]]}]}', "a coordinate of a pixel is inf; give two finite numbers"),
        (b'{"measurements": [{"pixels": [[' + BIG + b", 1]]}]}", "a coordinate of a pixel is 1000"),
        (b'{"measurements": [{"pixels": ["12", "34"]}]}', "a coordinate of a pixel is '1'"),
        (b'{"measurements": null}', 'measurements must be a list of {"name": '),
        (b'{"focal_px": ' + BIG + b"}", "focal_px is 1000"),
        (b'{"focal_px": NaN}', "focal_px is nan; it must be a finite number"),
        (b'{"scale": Infinity}', "scale is inf; it must be a finite number"),
        (b'{"scale": 0}', "the scale is changed by a factor of 0; give 0.02 to 50"),
        (b'{"scale": -1}', "the scale is changed by a factor of -1; give 0.02 to 50"),
        (b'{"focal_px": 0}', "the focal length is changed by a factor of 0; give 0.02 to 50"),
        (b'{"focal_px": -400}', "the focal length is changed by a factor of -1; give 0.02 to 50"),
        (b'{"scale": 1e9}', "the scale is changed by a factor of 1e+09; give 0.02 to 50"),
    ],
)  # fmt: skip
def test_numbers_that_are_none_are_named(opened, path, body, message):
    _, port, found = opened
    status, _, answer = ask(port, "POST", f"/api/photos/{found['id']}/{path}", body)
    assert status == 400 and json.loads(answer)["error"].startswith(message), answer[:200]


def test_numbers_of_a_download_are_checked_too(opened):
    _, port, found = opened
    for query, message in (
        ("scale=0", "the scale is changed by a factor of 0; give 0.02 to 50"),
        ("scale=nan", "scale is 'nan'; it must be a finite number"),
        ("focal_px=1e999", "focal_px is '1e999'; it must be a finite number"),
    ):
        status, _, answer = ask(port, "GET", f"/api/photos/{found['id']}/files/depth.npy?{query}")
        assert (status, json.loads(answer)["error"]) == (400, message)


def test_half_a_character_in_a_name_becomes_a_question_mark(opened):
    _, port, found = opened
    body = b'{"measurements": [{"name": "door \\ud83d", "pixels": [[319.5, 239.5]]}]}'
    one = f"/api/photos/{found['id']}"
    assert json.loads(ask(port, "POST", f"{one}/measure", body)[2])["measurements"][0]["name"] == "door ?"
    assert b"\r\ndoor ?,2.0000," in ask(port, "POST", f"{one}/measurements.csv", body)[2]
    status, _, again = ask(port, "POST", "/api/projects", ask(port, "POST", f"{one}/project", body)[2])
    assert status == 200 and json.loads(again)["project"]["measurements"][0]["name"] == "door ?"
