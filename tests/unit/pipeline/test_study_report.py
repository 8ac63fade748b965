import base64
import json
import math
import re
from pathlib import Path

import pytest

from pipeline.study_report import draw
from tests.page import Page
from tests.studies import write_study
from train.ledger import append

HOSTILE = "</p><script>alert(1)</script> $x_1$ | *b* \x1b[31m"
LAYERS_HEADS = {"model.n_layer": [2, 4], "model.n_head": [2, 4, 8]}


def bowl(at: dict[str, int]) -> float:
    return 1.6 + 0.02 * abs(math.log2(at["model.n_layer"] / 4)) + 0.01 * abs(math.log2(at["model.n_head"] / 4))


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    base = {"model.n_layer": 4, "model.n_head": 4}
    return write_study(tmp_path / "study" / "ledger.jsonl", LAYERS_HEADS, base, lambda at: bowl(dict(at)))


def shown(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def test_the_page_has_its_tables_and_its_pictures_inside(ledger: Path, tmp_path: Path) -> None:
    page = shown(draw(ledger, tmp_path / "report"))
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [picture["alt"] for picture in pictures] == [
        "Differences",
        "Learning curves, from the lowest to the highest seed",
        "Both axes; a star differs from what it is compared with",
        "Loss against FLOPs",
        "Loss against memory",
    ]
    for picture in pictures:
        kind, _, data = str(picture["src"]).partition(",")
        assert kind == "data:image/png;base64" and base64.b64decode(data).startswith(b"\x89PNG")
    assert page.count("table") == 4
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}


def test_a_row_has_the_figures_of_its_cell(ledger: Path, tmp_path: Path) -> None:
    page = shown(draw(ledger, tmp_path / "report"))
    at = page.texts.index("layer2-head2")
    runs, bits, gap, p, verdict, seeds = page.texts[at + 1 : at + 7]
    assert runs == "3"
    assert re.fullmatch(r"1\.6\d{3} ± 0\.0\d{3}", bits) and re.fullmatch(r"\+0\.0[23]\d\d ± 0\.0\d{3}", gap)
    assert 0 < float(p) < 0.05 and (verdict, seeds) == ("higher", "–")


def test_markdown_says_the_same_beside_its_pictures(ledger: Path, tmp_path: Path) -> None:
    page = draw(ledger, tmp_path / "report")
    text = (page.parent / "report.md").read_text(encoding="utf-8")
    for name in re.findall(r"!\[.*?\]\((.*?)\)", text):
        assert (page.parent / name).read_bytes().startswith(b"\x89PNG")
    assert "| layer4-head4 | 3 | 1.6" in text and "| baseline | – |" in text
    row = next(line for line in text.splitlines() if line.startswith("| layer2-head2 | 3"))
    assert row.split(" | ")[2] in shown(page).texts


def test_no_winner_is_named_where_the_interval_includes_zero(tmp_path: Path) -> None:
    path = write_study(tmp_path / "l.jsonl", {"a.b": [1, 2, 3]}, {"a.b": 1}, lambda at: 1.6, draw=1)
    text = (draw(path, tmp_path / "report").parent / "report.md").read_text(encoding="utf-8")
    assert "Open, neither better nor worse as far as these runs show: a.b2, a.b3." in text
    assert "Fewer bits" not in text and "More bits" not in text


def test_the_ledger_alone_gives_the_same_bytes_again(ledger: Path, tmp_path: Path) -> None:
    first = {path.name: path.read_bytes() for path in draw(ledger, tmp_path / "report").parent.iterdir()}
    moved = ledger.rename(tmp_path / "elsewhere.jsonl")
    again = {path.name: path.read_bytes() for path in draw(moved, tmp_path / "another").parent.iterdir()}
    assert first == again


def test_a_study_under_way_shows_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    append(path, {"kind": "study", "name": "new", "axes": {"a": [1, 2]}, "baseline": {"a": 1}, "seeds": [0]})
    append(path, {"kind": "cell", "cell": "a1", "axes": {"a": 1}, "params": 10, "tokens": 10})
    append(path, {"kind": "run", "cell": "a1", "seed": 0, "state": "failed", "error": "killed"})
    page = draw(path, tmp_path / "report")
    assert "No run has finished yet." in shown(page).texts
    assert "Not all runs finished: a1 (1 failed)." in shown(page).texts
    assert shown(page).count("img") == 0
    append(path, {"kind": "run", "cell": "a1", "seed": 0, "state": "finished", "val_loss": 2, "bits_per_byte": 1.5})
    page = draw(path, tmp_path / "report")
    assert "1.5000" in shown(page).texts
    assert any("Nothing can be compared yet" in text for text in shown(page).texts)


def test_pictures_that_no_longer_apply_go_away(ledger: Path, tmp_path: Path) -> None:
    draw(ledger, tmp_path / "report")
    one = write_study(tmp_path / "one.jsonl", {"a.b": [1, 2]}, {"a.b": 1}, lambda at: 1.6)
    draw(one, tmp_path / "report")
    assert not (tmp_path / "report" / "heat-map.png").exists()


def test_what_a_ledger_says_is_text_and_nothing_more(ledger: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    hostile = tmp_path / "hostile.jsonl"
    for line in lines:
        named = {"title": HOSTILE, "question": HOSTILE, "machine": HOSTILE} if line["kind"] == "study" else {}
        append(hostile, {**line, **named, **({"cell": f"{line['cell']} {HOSTILE}"} if "cell" in line else {})})
    page = draw(hostile, tmp_path / "report")
    assert "script" not in {tag for tag, _ in shown(page).tags}
    text = (page.parent / "report.md").read_text(encoding="utf-8")
    assert "<script>" not in text.replace("\\<script\\>", "") and "\x1b" not in text
    row = next(line for line in text.splitlines() if line.startswith("| layer2"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 8


def test_seeds_that_saw_a_few_more_tokens_at_a_step_share_a_curve(ledger: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    for line in lines:
        if line["kind"] == "run":
            line["curve"] = [[step, tokens + 7 * line["seed"], *rest] for step, tokens, *rest in line["curve"]]
    ledger.write_text("".join(json.dumps(line) + "\n" for line in lines))
    draw(ledger, tmp_path / "report")
    assert (tmp_path / "report" / "curves.png").is_file()
