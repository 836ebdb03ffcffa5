"""The commands that the documents show, and why some of them are not run by the tests."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_PAGES = ("README.md", "CONTRIBUTING.md", "benchmarks/README.md", "examples/README.md", "scenes/README.md")
PAGES = sorted([*(ROOT / name for name in _PAGES), *(ROOT / "docs").glob("*.md")])
# Commands whose line one of these patterns is found in need something that no test has.
NOT_RUN = {
    r"^(pip|pre-commit) install|^\. \.venv|^python3 -m venv": "set up an environment",
    r"^bash run_tests\.sh": "run these tests",
    r"^metricdepth (app|view)\b": "start a server (tests/app)",
    r"^curl ": "ask a server (tests/app)",
    r"^metricdepth download |--model (convnext|vit)|convlarge\.0\.3_150": "need a released checkpoint",
    r"weight/model\.pth": "need a released checkpoint",
    r"--models convnext_large": "need a released checkpoint, or hours",
    r"hf:(depth-anything|me)/": "need a model from the network",
    r"--address auto|--device cuda|s3://": "need a cluster, a GPU or a bucket",
    r"^(c\+\+|\./depth) ": "need ONNX Runtime's headers (tests/export/test_cpp.py)",
    r"--assets ASSETS|--frames (70|160|1600)\b|scenes_\*": "take minutes to hours, and assets",
    r"--minutes|--steps 1000|finetune --from": "take minutes to hours of training",
    r"views_7|h\.safetensors": "need the files of such a training",
    r"dataset/(sequences|poses)/00": "need KITTI's odometry dataset",
    r"\bFRAMES\b|^metricdepth bench ": "make tables of measurements, in minutes",
    r"^(python|sh) benchmarks/": "make tables of measurements, in minutes to hours",
    r"[…|]|\bOUT\b|\bFILES\b|--frames N|^metricdepth scenes (render|sequence room)$": "show a form",
    r"--model (FILE|model\.onnx$)|--backend B\b": "show a form",
}
RAY = {"RAY_raylet_start_wait_time_s": "300", "RAY_worker_niceness": "0"}  # for machines with other work
_FENCE = re.compile(r"^```(?:bash|sh)\n(.*?)^```", re.M | re.S)
_INDENTED = re.compile(r"^(?: {4}(?:metricdepth|python|pip|torchrun) .*(?:\\\n.*)*\n)+", re.M)
_INLINE = re.compile(r"`((?:metricdepth [a-z-]+|(?:python|sh) benchmarks/[^`\s]+|torchrun)[ \n][^`]+)`")


@dataclass(frozen=True)
class Block:
    """Commands that stand together in a page, in their order."""

    page: str
    line: int
    commands: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def runnable(self) -> tuple[str, ...]:
        return tuple(command for command in self.commands if not reasons(command))


def blocks(page: Path) -> list[Block]:
    """Collect the commands of a page: in fences, indented, and inline with at least one argument."""
    text = page.read_text()
    found = []
    for pattern in (_FENCE, _INDENTED, _INLINE):
        for match in pattern.finditer(text):
            shown = match[match.lastindex or 0].replace("\\\n", " ")
            if pattern is _INLINE:
                shown = shown.replace("\n", " ")
            lines = [uncommented(line) for line in shown.splitlines()]
            commands = tuple(" ".join(line.split()) if pattern is _INLINE else line for line in lines if line)
            if commands:
                found.append(Block(page.relative_to(ROOT).as_posix(), text[: match.start()].count("\n") + 1, commands))
    return sorted(found, key=lambda block: block.line)


def uncommented(line: str) -> str:
    """Cut off a comment that follows two spaces or begins a line."""
    return re.sub(r"(?:^|\s\s|\s)#\s.*$", "", line).strip()


def reasons(command: str) -> list[str]:
    """The patterns of NOT_RUN that a command matches."""
    return [pattern for pattern in NOT_RUN if re.search(pattern, command)]


def words_of(command: str) -> list[str]:
    """Split a command as a shell does, up to a pipe or redirection."""
    words = shlex.split(command)
    return words[: next((i for i, word in enumerate(words) if word in ("&&", "|", ";", ">")), len(words))]


BLOCKS = [block for page in PAGES for block in blocks(page)]
