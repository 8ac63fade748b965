"""The page of `phon serve`, in headless Chromium."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.api import Service
from tests.served import HOSTILE, SEED, Place, Slow, serving, silent, slow, soon
from tests.served import phones as phones
from tests.served import text as text
from tests.unit.pipeline.conftest import MakeRun
from tests.unit.pipeline.conftest import make_run as make_run

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--autoplay-policy=no-user-gesture-required"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    play = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium")
    with play.sync_playwright() as running:
        started = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page as narrow as a small phone, on which nothing may go wrong unseen."""
    opened = browser.new_page(viewport={"width": 360, "height": 740})
    opened.set_default_timeout(20_000)
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    yield opened
    opened.close()
    assert [line for line in wrong if "Failed to load resource" not in line] == []


def is_narrow(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_the_page_writes_plays_and_fits_a_phone(phones: Place, page: Any) -> None:
    page.goto(f"http://127.0.0.1:{phones.port}/")
    page.get_by_text("random · arpabet").wait_for()
    assert page.locator("#type option").all_inner_texts() == ["any", "plays", "poems"]
    page.get_by_label("Begin with").fill("The cat")
    page.get_by_label("Type").select_option("poems")
    page.get_by_role("spinbutton", name="Samples").fill("2")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Most tokens").fill("40")
    page.get_by_label("Seed").fill(str(SEED))
    page.get_by_text("Verse and words").click()
    assert is_narrow(page)
    page.get_by_role("button", name="Write").click()
    page.get_by_text("Done: 2 of 2 valid").wait_for()
    assert page.get_by_role("status").inner_text().startswith("Done: 2 of 2 valid")
    assert page.get_by_role("article").count() == 2 and page.get_by_text("✓ valid").count() == 2
    assert page.locator(".phones").first.inner_text().startswith("DA0 k@1t")
    assert page.locator(".english").first.inner_text().startswith("The cat")
    assert page.locator(".phones span[class^=s]").count() > 15 and is_narrow(page)
    tint = "getComputedStyle(document.querySelector('.phones .s6, .phones .s5, .phones .s4')).backgroundColor"
    assert page.evaluate(tint) != "rgba(0, 0, 0, 0)"
    page.get_by_label("Colour by surprisal").uncheck()
    assert page.evaluate(tint) == "rgba(0, 0, 0, 0)"
    with page.expect_response("**/api/say") as said:
        page.get_by_role("button", name="Play: sample 1").click()
    assert said.value.status == 200 and page.locator("#error").inner_text() == ""


def test_the_page_on_a_training_is_there_with_its_style(make_run: MakeRun, page: Any) -> None:
    with serving(Service(Slow(), silent(), name="slow", run=make_run(), places=1, limit_s=9)) as place:
        page.goto(f"http://127.0.0.1:{place.port}/")
        page.get_by_role("link", name="Training report").click()
        page.get_by_text("Validation, bits per byte").wait_for()
        assert page.evaluate("getComputedStyle(document.body).maxWidth") == "800px" and is_narrow(page)
    with slow(places=1) as place:
        assert place.ask("/report")[0] == 404 and place.json("/api/model")[1]["report"] is False


def test_the_page_works_by_keyboard_alone_and_can_be_stopped(page: Any) -> None:
    with slow(places=1) as place:
        page.goto(f"http://127.0.0.1:{place.port}/")
        page.get_by_text("slow · none").wait_for()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "prompt"
        page.keyboard.type("abc")
        page.keyboard.press("Control+Enter")
        page.get_by_text("Writing …").wait_for()
        assert page.get_by_role("button", name="Stop").is_enabled()
        page.keyboard.press("Escape")
        page.get_by_text("Stopped.").wait_for()
        soon(lambda: place.writer.left == ["abc"])
        order = []
        for _ in range(6):
            page.keyboard.press("Tab")
            order.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        assert order == ["n", "temperature", "SUMMARY", "write", "colour", "A"]


def test_the_page_says_what_went_wrong(text: Place, page: Any) -> None:
    page.goto(f"http://127.0.0.1:{text.port}/")
    page.get_by_label("Begin with").fill("word " * 60)
    page.get_by_role("button", name="Write").click()
    page.get_by_role("alert").get_by_text("the model's context has 160").wait_for()
    page.route("**/api/samples/stream", lambda route: route.fulfill(
        status=429, headers={"retry-after": "7"}, json={"error": "too many", "hint": ""}
    ))  # fmt: skip
    page.get_by_role("button", name="Write").click()
    page.get_by_role("alert").get_by_text("too many (try again in 7 seconds)").wait_for()
    page.unroute("**/api/samples/stream")
    page.route("**/api/samples/stream", lambda route: route.abort())
    page.get_by_role("button", name="Write").click()
    page.get_by_role("alert").get_by_text("the server does not answer").wait_for()


def test_what_a_model_writes_is_never_more_than_text(text: Place, page: Any) -> None:
    page.goto(f"http://127.0.0.1:{text.port}/")
    page.get_by_text("<b>text</b>").wait_for()
    page.get_by_label("Begin with").fill(HOSTILE)
    page.get_by_label("Temperature").fill("2")
    page.get_by_role("button", name="Write").click()
    page.get_by_text("Done:").wait_for()
    shown = page.locator(".phones").first.inner_text()
    assert shown.startswith("<script>document.title='owned'</script> ") and "\u202e" not in shown
    assert not any(ord(mark) < 32 and mark != "\n" for mark in shown)
    assert page.locator("#samples script").count() == 0 and page.title() == "phon"
    silence = page.get_by_role("button", name="No voice here: sample 1")
    assert silence.get_attribute("aria-disabled") == "true"
    silence.click(force=True)
    page.get_by_role("alert").get_by_text("there is no espeak-ng to speak with").wait_for()
