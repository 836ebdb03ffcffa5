"""The docstring check: what it counts and when it fails."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "language.py"


@pytest.fixture(scope="module")
def language() -> ModuleType:
    spec = importlib.util.spec_from_file_location("language", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["language"] = module
    spec.loader.exec_module(module)
    return module


def run(language: ModuleType, folder: Path, source: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    (folder / "module.py").write_text(source)
    return language.main([str(folder)]), capsys.readouterr().out


def test_plain_docstrings_pass_and_private_and_nested_functions_need_none(
    language: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    source = (
        'def read():\n    """Read a file."""\n    def inner(): ...\ndef _own(): ...\nclass _C:\n    def f(self): ...\n'
    )
    code, out = run(language, tmp_path, source, capsys)
    assert code == 0
    assert "0.0 % of 1 docstrings open badly, median 3 words, 0 of 1 public functions without docstring" in out


@pytest.mark.parametrize("opening", ["The file", "what is in it", "Whether it is", "Every line", "a file"])
def test_bad_openings_are_listed(
    language: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], opening: str
):
    code, out = run(language, tmp_path, f'def read():\n    """{opening}."""\n', capsys)
    assert code == 1 and f"module.py:1 read: {opening}." in out


def test_long_summaries_and_missing_docstrings_fail(
    language: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    code, out = run(language, tmp_path, f'def read():\n    """Read {"many " * 9}words."""\n', capsys)
    assert code == 1 and "median 11 words" in out
    code, out = run(language, tmp_path, "class Reader:\n    def read(self): ...\n", capsys)
    assert code == 1 and "module.py:2 read: no docstring" in out
