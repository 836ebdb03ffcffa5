"""Leaderboard page: several evaluations on one HTML page, tier by tier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mono.evaluation.alignment import LABELS
from mono.evaluation.comparison import HIGHER_IS_BETTER
from mono.evaluation.leaderboard import Leaderboard, Place
from mono.evaluation.report.page import TEMPLATES, describe_value
from mono.evaluation.report.summary import COLUMNS
from mono.evaluation.report.svg import ACCENT, INK, MUTED, new_figure, to_svg
from mono.io.atomic import atomic_path

_FACTS = ("model", "checkpoint", "checksum_sha256", "transform", "precision", "backend", "device", "versions")


def write_leaderboard(path: Path, board: Leaderboard) -> None:
    """Write the leaderboard page atomically, as one file that needs no other and runs no script.

    Args:
        path: file to write.
        board: the ranking.

    Raises:
        OSError: the page cannot be written.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    protocol = board.runs[0].protocol
    described = str(protocol.get("description") or f"protocol {protocol.get('name')}")
    page = environment.get_template("leaderboard.html").render(
        title="Leaderboard of depth models",
        protocol_lines=described.splitlines(),
        board=board,
        columns=[(heading, "↑" if name in HIGHER_IS_BETTER else "↓") for name, heading, _ in COLUMNS],
        tiers=[(tier, LABELS[tier], _rows(places), _chart(tier, places)) for tier, places in board.tiers.items()],
        runs=[
            (str(run.path), [(key.replace("_", " "), describe_value(run.run[key])) for key in _FACTS if key in run.run])
            for run in board.runs
        ],
        style=(TEMPLATES / "page.css").read_text("utf-8"),
    )
    with atomic_path(path) as temporary:
        # File names may hold bytes that are not text; they become "?".
        temporary.write_bytes(page.encode("utf-8", errors="replace"))


def _rows(places: Sequence[Place]) -> list[tuple[str, str, str, list[str]]]:
    """Format the places of a tier: label, gap to the best, CSS class and values."""
    rows = []
    for rank, place in enumerate(places):
        gap = f"{place.gap.difference:+.3f} [{place.gap.low:+.3f}, {place.gap.high:+.3f}]"
        verdict = "best" if rank == 0 else f"{gap}, {'clearly behind' if place.behind else 'no clear difference'}"
        values = [(place.value(name), style) for name, _, style in COLUMNS]
        cells = ["–" if value is None else format(value, style) for value, style in values]
        rows.append((place.label, verdict, "own" if rank == 0 else "", cells))
    return rows


def _chart(tier: str, places: Sequence[Place]) -> str:
    """Draw AbsRel of each run as bars, with the interval of its gap to the best."""
    figure = new_figure(8.5, 0.8 + 0.36 * len(places))
    axes = figure.add_subplot()
    best = places[0].gap.a
    for row, place in enumerate(places):
        axes.barh(row, place.gap.b, color=MUTED if place.behind else ACCENT, height=0.6)
        axes.plot([best + place.gap.low, best + place.gap.high], [row, row], color=INK, linewidth=1.2)
    axes.set_yticks(range(len(places)), [_short(place.label) for place in places])
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("AbsRel")
    return to_svg(figure, f"board-{tier}")


def _short(label: str, room: int = 36) -> str:
    label = label.replace("$", "\\$")  # no formula
    return label if len(label) <= room else "…" + label[1 - room :]
