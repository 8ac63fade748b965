"""Pictures of the page of `phon serve` for docs/, taken in headless Chromium: a wide window, and a phone in the dark.

They show it as it is where espeak-ng is installed, whether it is here or not.

Usage: python scripts/picture_serve.py RUN [FOLDER]
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
WITH_VOICE = """
const ask = fetch;
fetch = async (...asked) => {
  const answer = await ask(...asked);
  return asked[0] === "/api/model" ? new Response(JSON.stringify({...await answer.json(), speech: true})) : answer;
};
"""
PAINTED = "text => document.getElementById('status').textContent.startsWith('Done')"


def main(run: str, folder: Path) -> None:
    """Start the server, write a few samples, and take the pictures."""
    command = [sys.executable, "-m", "pipeline.cli", "serve", "--run", run, "--port", "0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        address = next(found[0] for line in server.stderr if (found := re.search(r"http://\S+", line)))
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            wide = browser.new_page(viewport={"width": 900, "height": 1080})
            wide.add_init_script(WITH_VOICE)
            wide.goto(address)
            wide.fill("#prompt", "the people of this land")
            wide.fill("#n", "2")
            wide.click("text=More")
            wide.fill("#max_new_tokens", "60")
            wide.fill("#seed", "11")
            wide.click("text=More")
            wide.click("text=Write")
            wide.wait_for_function(PAINTED, timeout=60_000)
            wide.screenshot(path=folder / "serve.png")
            phone = browser.new_page(viewport={"width": 360, "height": 780}, color_scheme="dark", device_scale_factor=2)
            phone.add_init_script(WITH_VOICE)
            phone.goto(address)
            phone.click("text=Verse and words")
            phone.fill("#syllables", "5,7,5")
            phone.fill("#n", "2")
            phone.click("text=More")
            phone.fill("#seed", "4")
            phone.click("text=More")
            phone.click("text=Verse and words")
            phone.click("text=Write")
            phone.wait_for_function(PAINTED, timeout=60_000)
            phone.evaluate("document.querySelector('.actions').scrollIntoView()")
            phone.screenshot(path=folder / "serve-phone.png")
            browser.close()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2] if len(sys.argv) > 2 else "docs"))
