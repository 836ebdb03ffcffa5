"""What the documents show: commands that parse, examples that run, a site that builds, links that lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mono.cli.commands import COMMANDS
from mono.cli.main import build_parser

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks/README.md", *(ROOT / "docs").glob("*.md")]
)
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
FENCE = re.compile(r"^```(?:bash|sh)\n(.*?)^```", re.M | re.S)
INDENTED = re.compile(r"^    (metricdepth .*(?:\\\n.*)*)", re.M)


def commands(page: Path) -> list[str]:
    """Command lines of `metricdepth` in a page, without comments and continuation signs."""
    text = page.read_text()
    blocks = FENCE.findall(text) + INDENTED.findall(text)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip().startswith("metricdepth ")]


SHOWN = [(page.relative_to(ROOT).as_posix(), line) for page in PAGES for line in commands(page)]


def test_there_are_commands_to_check() -> None:
    assert len(SHOWN) > 60


@pytest.mark.parametrize(("page", "line"), SHOWN)
def test_a_shown_command_is_one_that_the_parser_takes(page: str, line: str) -> None:
    words = ["1" if word == "N" else word for word in shlex.split(line, comments=True)[1:]]  # N stands for a number
    words = words[: next((i for i, word in enumerate(words) if word in ("&&", "|", ";", ">")), len(words))]
    if words[0] in ("--help", "--version"):
        return
    assert words[0] in COMMANDS, f"{page}: {line}"
    if words[0] == "scenes":
        pytest.importorskip("metricdepth_scenes")
    if any(sign in word for word in words for sign in ("…", "...", "|", "[")):
        return  # a synopsis
    try:
        build_parser(words[0]).parse_args(words)
    except SystemExit as error:
        assert error.code == 0, f"{page}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_files_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.integration
@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in ("export_onnx.py", "fine_tune.py")])
def test_an_example_runs_on_the_data_that_ships(name, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name])
    runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
    assert re.search(r"\d", capsys.readouterr().out)


@pytest.mark.integration
@pytest.mark.slow
def test_the_export_example_gives_the_same_depth(tmp_path, monkeypatch, capsys) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(sys, "argv", ["export_onnx.py"])
    runpy.run_path(str(ROOT / "examples" / "export_onnx.py"), run_name="__main__")
    assert float(capsys.readouterr().out.split("differs by ")[1].split()[0]) < 1e-3


@pytest.mark.integration
def test_the_fine_tuning_example_writes_a_model(tmp_path, monkeypatch) -> None:
    pytest.importorskip("scipy")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(
        sys, "argv", ["fine_tune.py", str(ROOT / "data/nyu_demo/test_annotations.json"), "tuned", "0.1"]
    )
    runpy.run_path(str(ROOT / "examples" / "fine_tune.py"), run_name="__main__")
    assert (tmp_path / "tuned" / "model.safetensors").stat().st_size > 5e6


def test_every_example_is_listed_in_its_readme() -> None:
    listed = re.findall(r"^\| `(\w+\.py)`", (ROOT / "examples/README.md").read_text(), re.M)
    assert sorted(listed) == EXAMPLES


@pytest.mark.integration
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    if not importlib.util.find_spec("mkdocs") or not importlib.util.find_spec("mkdocstrings"):
        pytest.skip("mkdocs is not installed: pip install '.[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    page = (tmp_path / "site" / "python-api" / "index.html").read_text()
    assert "load_model" in page and "Unproject the depth to 3D points" in page
    assert "--focal-px" in (tmp_path / "site" / "command-line" / "index.html").read_text()
    assert "fonts.googleapis" not in (tmp_path / "site" / "index.html").read_text()
