from __future__ import annotations

import base64
import io
import logging
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from mono.evaluation.normals.metrics import ImageNormals, NormalMetrics
from mono.evaluation.protocols import get_protocol
from mono.evaluation.report.reliability import confidence_groups, reliability
from tests.evaluation.report.report_data import PROTOCOL, Evaluation, evaluate

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>&amp;.png'
VOID = {"meta", "link", "img", "input", "br", "wbr", "use", "hr"}


class Page(HTMLParser):
    """Checks that every element is closed, and keeps elements, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        assert len(attrs) == len(dict(attrs)), f"<{tag}> repeats an attribute"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
            self.open.pop()

    def handle_data(self, data):
        if "script" not in self.open and "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.texts))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory) -> Evaluation:
    return evaluate(tmp_path_factory.mktemp("frames"), [f"rgb/{i:02}.png" for i in range(6)])


@pytest.fixture(scope="module")
def text(evaluation, tmp_path_factory) -> str:
    """The page of the evaluation."""
    return evaluation.write(tmp_path_factory.mktemp("page") / "report.html")


def test_well_formed_with_unique_ids(text):
    page = Page(text)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids)) > 20
    targets = {value[1:] for _, a in page.elements if (value := a.get("href") or a.get("xlink:href") or "")[:1] == "#"}
    assert targets <= set(ids)
    assert len(page.of("html")) == len(page.of("main")) == 1


def test_refers_to_nothing_outside(text):
    for tag, attributes in Page(text).elements:
        for name in ("src", "href", "xlink:href", "srcset", "data", "action", "poster"):
            value = attributes.get(name) or ""
            assert value[:1] in ("", "#") or value.startswith("data:"), (tag, name, value[:80])
    assert not re.search(r"url\((?!#)|@import|fetch\(|XMLHttpRequest", text)
    assert "default-src 'none'" in text


def test_says_protocol_command_and_run(evaluation, tmp_path):
    text = Page(evaluation.write(tmp_path / "report.html", title="Toy on boxes")).text
    assert "Toy on boxes" in text
    assert PROTOCOL.describe().splitlines()[0] in text
    assert "made up for tests" in text
    assert "metricdepth evaluate 'my data/annotations.json'" in text
    assert "numpy 2" in text


def test_three_tiers_in_blocks_of_their_own(evaluation, text):
    blocks = re.findall(r'<tbody data-tier="(\w+)">(.*?)</tbody>', text, re.S)
    assert [tier for tier, _ in blocks] == ["metric", "median", "scale_shift"]
    for tier, block in blocks:
        own = re.search(r'<tr class="own">(.*?)</tr>', block, re.S)[1]
        mean = np.mean([tiers[tier].abs_rel for tiers in evaluation.results.values()])
        assert re.findall(r"<td>(.*?)</td>", own)[0] == f"{mean:.3f}"
        assert "best constant depth" in block


def test_quoted_figures_only_beside_their_protocol(text, tmp_path):
    assert "AdaBins" not in text
    garg = replace(get_protocol("kitti_eigen_garg"), kitti_benchmark_crop=False)
    kitti = evaluate(tmp_path, ["a"], garg).write(tmp_path / "kitti.html")
    metric, *aligned = re.findall(r"<tbody data-tier.*?</tbody>", kitti, re.S)
    assert metric.count("quoted: ") == 3 and "0.058" in metric
    assert not any("quoted" in block for block in aligned)


def test_worst_image_first_with_its_numbers(evaluation, text):
    body = text[text.index('id="per-image"') :]
    names = re.findall(r"<bdi>(.*?)</bdi>", body)
    assert [name.replace("<wbr>", "") for name in names] == [f"rgb/{i:02}.png" for i in reversed(range(6))]
    values = [float(v) for v in re.findall(r'<td data-value="([^"]*)">', body)[::7]]
    assert values == pytest.approx(
        sorted((t["metric"].abs_rel for t in evaluation.results.values()), reverse=True), rel=1e-5
    )


def test_pictures_have_sizes_and_alternative_texts(text):
    images = Page(text).of("img")
    assert len(images) == 6 * 4
    assert [image["alt"] for image in images[:4]] == [
        f"{kind} of rgb/05.png" for kind in ("Photo", "Ground truth", "Prediction", "Error")
    ]
    for image in images:
        assert (image["loading"], image["decoding"]) == ("lazy", "async")
        rendered = Image.open(io.BytesIO(base64.b64decode(image["src"].removeprefix("data:image/webp;base64,"))))
        assert rendered.size == (int(image["width"]), int(image["height"])) == (64, 48)


def test_truth_and_prediction_share_one_scale(tmp_path):
    exact = evaluate(tmp_path, ["exact"])
    frame_images = Page(exact.write(tmp_path / "report.html")).of("img")

    def pixels(image):
        data = base64.b64decode(image["src"].split(",")[1])
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), int)

    # The prediction is 5 % off: nearly the same colours, but only if the scale is the same.
    assert np.abs(pixels(frame_images[1]) - pixels(frame_images[2])).mean() < 20


def test_charts_are_three_and_described(text):
    page = Page(text)
    assert len(page.of("svg")) == 3
    labels = [a["aria-label"] for a in page.of("div") if a.get("role") == "img"]
    assert [label.split(".")[0] for label in labels] == [
        "Error against distance",
        "Predicted against ground-truth depth",
        "Scale of each image",
    ]
    for words in ("ground-truth depth [m]", "predicted depth [m]", "ground-truth / predicted median depth of an image"):
        assert words in page.text


def test_hostile_names_are_only_text(tmp_path):
    evaluation = evaluate(tmp_path, [HOSTILE, "b\udcff.png"])
    evaluation.results[HOSTILE + "2"] = None
    options = {"title": f"On {HOSTILE}", "failures": [(HOSTILE, "<b>bad</b>")]}
    text = evaluation.write(tmp_path / "report.html", **options)
    page = Page(text)
    assert len(page.of("script")) == 1
    assert not page.of("b") or all("<b>bad" not in t for t in re.findall(r"<li>.*?</li>", text))
    assert not [a for _, a in page.elements if any(name.startswith("on") for name in a)]
    assert page.text.count(HOSTILE) >= 4
    assert "<b>bad</b>" in page.text
    assert "b?.png" in page.text.replace("\N{ZERO WIDTH SPACE}", "")


def test_only_the_pages_own_script_may_run(text):
    import hashlib

    script = re.search(r"<script>(.*?)</script>", text, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = Page(text).of("meta")[2]["content"]
    assert f"script-src 'sha256-{digest}'" in policy and "'unsafe-inline'" not in policy.split("script-src")[1]


def test_left_out_and_failed_images_are_listed(evaluation, tmp_path):
    more = replace(evaluation, results={**evaluation.results, "empty.png": None})
    text = Page(more.write(tmp_path / "report.html", failures=[("broken.png", "cannot be read")])).text
    assert "1 without a pixel of ground truth" in text and "empty.png" in text
    assert "1 failed" in text and "broken.png: cannot be read" in text


def test_images_and_pixels_without_prediction_are_counted(evaluation, tmp_path):
    assert "no prediction" not in Page(evaluation.write(tmp_path / "whole.html")).text
    results = {
        name: {tier: replace(metrics, missing=metrics.pixels // 4) for tier, metrics in tiers.items()}
        for name, tiers in evaluation.results.items()
        if tiers
    }
    text = Page(replace(evaluation, results=results).write(tmp_path / "report.html", unscored=2)).text
    pixels = [next(iter(tiers.values())).pixels for tiers in results.values()]
    share = 100 * sum(count // 4 for count in pixels) / sum(pixels)
    assert f"{share:.3g} % of the pixels with ground truth have no prediction and count as the nearest depth" in text
    assert f"images scored{len(results)} of {len(results) + 2}" in text


def test_a_common_factor_is_a_warning(tmp_path):
    evaluation = evaluate(tmp_path, ["a", "b", "c", "d"])
    factor = {
        name: {tier: replace(m, scale=1.5 + 0.001 * i) for tier, m in tiers.items()}
        for i, (name, tiers) in enumerate(evaluation.results.items())
    }
    assert "focal length is probably wrong" not in Page(evaluation.write(tmp_path / "fine.html")).text
    assert (
        "focal length is probably wrong" in Page(replace(evaluation, results=factor).write(tmp_path / "off.html")).text
    )


def test_images_without_a_frame_keep_their_numbers(evaluation, tmp_path, caplog):
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    frames = {**evaluation.frames, "rgb/00.png": broken, "rgb/01.png": tmp_path / "nothing.json"}
    with caplog.at_level(logging.WARNING):
        page = Page(replace(evaluation, frames=frames).write(tmp_path / "report.html"))
    assert len(page.of("img")) == 4 * 4 and page.text.count("no pictures kept") == 2
    assert "rgb/00.png: its pictures are left out" in caplog.text
    assert "charts are of 4 of the 6 images" in page.text


def test_without_any_frame_there_is_still_a_table(evaluation, tmp_path):
    page = Page(replace(evaluation, frames={}).write(tmp_path / "report.html"))
    assert len(page.of("img")) == 0 and len(page.of("svg")) == 1  # scale factors need no frames
    assert "best constant depth" not in page.text
    assert len(page.of("tbody")) == 4


def test_without_any_result(tmp_path):
    page = Page(Evaluation({"a.png": None}, {}, PROTOCOL).write(tmp_path / "report.html"))
    assert "0 images" in page.text and "a.png" in page.text


def test_the_same_evaluation_gives_the_same_bytes(evaluation, tmp_path):
    assert evaluation.write(tmp_path / "a.html") == evaluation.write(tmp_path / "b.html")


def test_a_failure_leaves_the_old_page(evaluation, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(ValueError, match="unpack"):
        evaluation.write(path, failures=[("a name without a reason",)])
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_thousand_images_stay_small(tmp_path):
    few = evaluate(tmp_path / "frames", [f"{i}.png" for i in range(5)], size=(480, 640))
    empty = len(replace(few, frames={}).write(tmp_path / "empty.html"))
    an_image = (len(few.write(tmp_path / "few.html")) - empty) / 5
    assert empty + 1000 * an_image < 30e6

    tiny = evaluate(tmp_path / "tiny", [str(i) for i in range(4)], size=(24, 32))
    names = [f"{i:04}.png" for i in range(250)]
    many = Evaluation(
        {name: tiny.results[str(i % 4)] for i, name in enumerate(names)},
        {name: tiny.frames[str(i % 4)] for i, name in enumerate(names)},
        PROTOCOL,
    )
    text = many.write(tmp_path / "many.html")
    assert text.count("<img ") == 4 * 250 and len(text) < 30e6 / 4


def test_confidence_and_normals_have_their_place(evaluation, tmp_path):
    metrics = NormalMetrics(100, 12.345, 8.0, 20.0, 0.3, 0.45, 0.6, 0.8, 0.9)
    image = ImageNormals(metrics, (0,) * 32 + (100,), "network", "depth")
    confidence = reliability([confidence_groups(np.arange(640.0), np.arange(640)[::-1] / 1000)])
    normals = {"a.png": image, HOSTILE: None}
    text = evaluation.write(tmp_path / "report.html", normals=normals, confidence=confidence)
    page = Page(text)
    assert [figure["class"] for figure in page.of("figure")].count("legend") == 2
    assert len(page.of("figure")) == 2 + 5
    section = re.search(r'<section aria-labelledby="normals">(.*?)</section>', text, re.S)[1]
    lines = re.findall(r'<tr class="own">(.*?)</tr>', section, re.S)
    assert re.findall(r"<td>(.*?)</td>", lines[0]) == [
        "12.35",
        "8.00",
        "20.00",
        "0.300",
        "0.450",
        "0.600",
        "0.800",
        "0.900",
    ]
    assert re.findall(r"<td>(.*?)</td>", lines[1])[1] == "8.12"  # half of the bin from 8 to 8.25 degrees
    assert "The network's normals against ground truth derived from depth, 1 image" in page.text
    assert (
        "images without a ground-truth normal that counts, left out here: 1" in page.text
        and HOSTILE in page.text
        and HOSTILE not in text
    )
    assert "Surer pixels are really better. The surest tenth of the pixels has AbsRel 0.032" in page.text
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert 'id="normals"' not in evaluation.write(tmp_path / "other.html")
