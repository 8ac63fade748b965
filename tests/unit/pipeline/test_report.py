import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline.chart import MOST_POINTS, Line, chart, short, thin, ticks
from pipeline.page import element
from pipeline.report import command, report
from pipeline.tokenizer import train_tokenizer
from tests.page import Page
from tests.unit.pipeline.conftest import MakeRun, Prepared
from train import environment
from train.config import Config, to_toml
from train.files import sha256_file
from train.history import read_history

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \x1b[31mred\x07 & \u202e"


def shown(run: Path) -> Page:
    return Page(report(read_history(run)))


def drawn(step: int, temperature: float, *samples: tuple[str, bool]) -> dict[str, Any]:
    rows = [{"text": text, "type": "tales", "ended": valid, "valid": valid} for text, valid in samples]
    share = sum(valid for _, valid in samples) / len(samples)
    return {"step": step, "temperature": temperature, "valid": share, "samples": rows}


def test_the_page_has_a_curve_for_each_figure(make_run: MakeRun) -> None:
    page = shown(make_run())
    figures = ["Learning rate", "Norm of the gradient", "Tokens a second", "Memory, most bytes so far"]
    assert [text for text in page.texts if text in figures] == figures
    assert page.count("svg") == 6
    assert "Loss, nats a token" in page.texts


def test_the_page_loads_nothing_and_fits_a_phone(make_run: MakeRun) -> None:
    page = shown(make_run(more=[drawn(8, 0.7, ("hA0lo1", True))]))
    assert {"script", "link", "img", "iframe"} & {tag for tag, _ in page.tags} == set()
    assert not any(key in attributes for _, attributes in page.tags for key in ("src", "href", "style", "onclick"))
    metas = [attributes for tag, attributes in page.tags if tag == "meta"]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in metas
    assert any("default-src 'none'" in str(meta.get("content")) for meta in metas)
    style = next(text for text in page.texts if "--ground" in text)
    assert "prefers-color-scheme: dark" in style and "url(" not in style and "@import" not in style


def test_what_a_run_wrote_is_text_and_nothing_more(make_run: MakeRun) -> None:
    sample = drawn(8, 0.7, (HOSTILE, False), ("half a character: \ud800", False))
    sample["samples"][0]["type"] = "<b>"
    run = make_run(facts={"<i>": HOSTILE}, more=[sample], **{"log.trackers": ("<u>",)})
    text = report(read_history(run))
    page = Page(text)
    assert {"script", "img", "b", "i", "u"} & {tag for tag, _ in page.tags} == set()
    assert any("</script><script>alert(1)</script>" in seen for seen in page.texts)
    assert not {"\x1b", "\x07", "\ud800", "\u202e"} & set(text)
    assert CliRunner().invoke(command, [str(run)]).exit_code == 0  # it can be written as UTF-8


def test_samples_stand_by_step_and_temperature_with_the_bad_ones_marked(make_run: MakeRun) -> None:
    early = [drawn(4, 0.5, ("one", False), ("two", True)), drawn(4, 0.7, ("three", False))]
    page = shown(make_run(more=[*early, drawn(8, 0.7, ("four", True))]))
    at = page.texts.index("Share valid, by temperature")
    assert page.texts[at : at + 10] == [
        "Share valid, by temperature", "step", "0.5", "0.7", "4", "50%", "0%", "8", "–", "100%",
    ]  # fmt: skip
    classes = [attributes["class"] for _, attributes in page.tags if "sample" in (attributes.get("class") or "")]
    assert classes == ["sample bad", "sample", "sample bad", "sample"]
    assert page.texts[page.texts.index("one") - 1] == "✗ not valid · no end · tales"
    assert [attributes for tag, attributes in page.tags if tag == "details"] == [{}, {"open": "open"}]


def test_validity_has_a_curve_for_each_temperature_from_none_to_all(make_run: MakeRun) -> None:
    page = shown(make_run(more=[drawn(step, t, ("x", step > 4)) for step in (4, 8) for t in (0.5, 0.7)]))
    at = page.texts.index("Share valid at temperature 0.5")
    assert page.texts[at + 1 : at + 7] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert "Share valid at temperature 0.7" in page.texts
    once = shown(make_run("once", more=[drawn(8, 0.5, ("x", True))]))
    assert "Share valid at temperature 0.5" not in once.texts


@pytest.mark.parametrize(("step", "pictures"), [(0, 0), (1, 5), (3, 6)])
def test_a_run_on_its_way_shows_what_there_is(step: int, pictures: int, make_run: MakeRun) -> None:
    page = shown(make_run(step=step))
    assert page.count("svg") == pictures
    assert any("not finished" in text for text in page.texts)
    assert ("Nothing is logged yet." in page.texts) == (step == 0)
    assert any("No samples are logged" in text for text in page.texts)


def test_a_run_without_validation_has_a_page(make_run: MakeRun) -> None:
    assert shown(make_run(bits=None)).count("svg") == 5


def test_every_setting_is_told(make_run: MakeRun) -> None:
    page = shown(make_run(**{"optim.lr": 0.00123}))
    assert page.texts[page.texts.index("lr") + 1] == "0.00123"
    for line in to_toml(Config()).splitlines():
        name, is_set, _ = line.partition(" = ")
        assert not is_set or name in page.texts, name


def test_data_is_told_only_if_the_run_was_trained_on_it(
    make_run: MakeRun, prepared: Prepared, phones: Sequence[tuple[str, str]]
) -> None:
    workspace = prepared(phones)
    train_tokenizer(workspace)
    shards = sha256_file(workspace.shards / "manifest.json")
    tokenizer = sha256_file(workspace.tokenizer / "tokenizer.json")
    page = shown(make_run("same", facts={"shards": shards, "tokenizer": tokenizer}))
    at = page.texts.index("prose")
    assert page.texts[at - 5 : at + 2] == ["type", "documents", "tokens", "bytes", "bytes a token", "prose", "30"]
    assert page.texts[page.texts.index("notation.name") + 1] == "text"
    assert any(text.startswith("pyarrow, for shards") for text in page.texts)
    other = shown(make_run("other", facts={"shards": "1" * 64}))
    assert "prose" not in other.texts
    assert any("data/ was made anew since" in text for text in other.texts)


def test_what_a_run_ran_on_is_told_for_each_stretch_of_it(make_run: MakeRun) -> None:
    run = make_run()
    here = {"device": "cuda", "gpus": ["H100", "H100"], "processor": "Xeon", "cores": 16, "memory": 2**37}
    here |= {"processes": 2, "threads": 8, "platform": "Linux", "python": "3.11", "torch": "2.99", "cuda": "13.0"}
    environment.record(run, 0, here)
    page = shown(run)
    at = page.texts.index("Training")
    assert page.texts[at + 1 : at + 9] == [
        "device", "cuda, 2 × H100", "processor", "Xeon, 16 cores", "memory", "128 GiB",
        "processes", "2, with 8 threads each",
    ]  # fmt: skip
    assert page.texts[page.texts.index("cuda") + 1] == "13.0"
    environment.record(run, 4, {**here, "device": "cpu", "gpus": []})
    moved = shown(run).texts
    assert moved.index("Training, from step 0") < moved.index("Training, from step 4") and "cpu" in moved


def test_the_page_of_the_newest_run_goes_into_its_folder(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("one")
    run = make_run("two", step=3)
    done = CliRunner().invoke(command, ["--workspace", str(tmp_path)])
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.startswith(f"two: step 3 of 8; the page is {run / 'report.html'}, ")
    text = (run / "report.html").read_text(encoding="utf-8")
    assert text == report(read_history(run))  # the same run, the same bytes


def test_the_page_goes_where_it_is_told_to(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("one")
    make_run("two")
    page = tmp_path / "new" / "page.html"
    done = CliRunner().invoke(command, ["one", "--workspace", str(tmp_path), "--out", str(page)])
    assert done.exit_code == 0, done.output
    assert "<h1>one</h1>" in page.read_text(encoding="utf-8")
    assert not (run / "report.html").exists()


def test_text_is_escaped_and_markup_is_not() -> None:
    assert element("p", "a<b", element("b", '"'), class_="x'y") == '<p class="x&#x27;y">a&lt;b<b>&quot;</b></p>'


def test_a_chart_is_well_formed_and_leaves_out_what_is_no_number() -> None:
    figure = chart("Loss", Line("a", [(1, 2.0), (2, float("inf")), (3, 1.0)]), Line("b", [(2, 1.5)], is_measured=True))
    root = ET.fromstring(figure)
    (path, single) = root.iter("path")
    assert path.attrib["d"] == "M162.7 8.0L392.0 196.0"
    assert single.attrib["class"] == "measured"
    assert [title.text for title in root.iter("title")] == ["step 2: 1.5"]
    assert chart("Loss", Line("a", [(1, float("nan"))])) == ""


@pytest.mark.parametrize("points", [[(5.0, 0.0)], [(1.0, 3.0), (2.0, 3.0)], [(1.0, -2.0), (2e9, 4e-9)]])
def test_flat_and_extreme_lines_can_be_drawn(points: list[tuple[float, float]]) -> None:
    numbers = [n for part in ET.fromstring(chart("x", Line("", points))).iter("circle") for n in (part.get("cx"),)]
    assert len(numbers) == (len(points) == 1)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 150, ["0", "50", "100", "150"]),
        (0, 0.003, ["0", "0.001", "0.002", "0.003"]),
        (1.83, 2.41, ["2", "2.2", "2.4"]),
        (0, 21_500, ["0", "5k", "10k", "15k", "20k"]),
        (0, 2_000_000, ["0", "500k", "1M", "1.5M", "2M"]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, labels: list[str]) -> None:
    assert [short(value) for value in ticks(low, high)] == labels


def test_a_long_line_is_thinned_and_keeps_its_spikes() -> None:
    points = [(float(x), 1.0) for x in range(100_000)]
    points[77_777] = (77_777.0, 50.0)
    kept = thin(points)
    assert (77_777.0, 50.0) in kept
    assert kept == sorted(kept) and len(kept) <= MOST_POINTS
