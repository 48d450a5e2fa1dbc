"""Film the service in the Chromium of this machine: its start, /docs, and an applicant decided on the page.

Writes var/video/scoring-api.webm. The film is made by the browser itself: frames of one page are painted on a canvas
of another, whose stream it records. Needs a bundle (`make demo` or `make train`).
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, expect, sync_playwright
from take import BIN, FLAGS, chromium, stop

from credit_training.files import home
from credit_training.serving import free_port

TARGET = home() / "video" / "scoring-api.webm"
WIDTH, HEIGHT = 1280, 800
READ_MS, LOOK_MS = 5000, 2800
SHORTEST_S, LONGEST_S = 60, 120

RECORDER = """([width, height]) => {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  const frame = new Image(width, height);
  const parts = [];
  const format = { mimeType: "video/webm; codecs=vp9", videoBitsPerSecond: 1.5e6 };
  const recorder = new MediaRecorder(canvas.captureStream(), format);
  recorder.ondataavailable = (event) => parts.push(event.data);
  // Also when nothing moves: a stream without new frames ends early.
  setInterval(() => context.drawImage(frame, 0, 0, width, height), 100);
  window.show = (jpeg) => { frame.src = `data:image/jpeg;base64,${jpeg}`; };
  window.finish = () => new Promise((done) => {
    recorder.onstop = () => {
      const reader = new FileReader();
      reader.onload = () => done(reader.result.split(",")[1]);
      reader.readAsDataURL(new Blob(parts));
    };
    recorder.stop();
  });
  recorder.start(1000);
}"""

# What is recorded has no length in its header: a player finds it where it looks for the end.
LENGTH = """(film) => new Promise((done, failed) => {
  const player = document.createElement("video");
  player.ondurationchange = () => Number.isFinite(player.duration) && done(player.duration);
  player.onloadedmetadata = () => { player.currentTime = Number.MAX_SAFE_INTEGER; };
  player.onerror = () => failed(player.error.message);
  player.src = `data:video/webm;base64,${film}`;
})"""

TERMINAL = """<style>body{margin:0;padding:2rem;background:#14181d;color:#d6e2ee;font:17px/1.5 monospace}
pre{white-space:pre-wrap;overflow-wrap:anywhere}</style><pre></pre>"""


def main() -> None:
    """Play the scenes and write the film."""
    dataset = os.environ.get("DATASET", "taiwan")
    bundle = home() / "bundles" / dataset / "candidate"
    port = free_port()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, base_url=f"http://127.0.0.1:{port}")
        command = ["scoring-api", "serve", "--bundle", str(bundle), "--tag", f"{dataset}-candidate"]
        recorder = browser.new_page()
        with TemporaryDirectory() as folder, filmed(recorder, page):
            journal = f"journal.file={Path(folder) / 'journal.sqlite'}"
            with started(page, [*command, "auth=none", f"port={port}", journal]):
                docs(page)
                applicant(page)
        seconds = recorder.evaluate(LENGTH, base64.b64encode(TARGET.read_bytes()).decode())
        browser.close()
    print(f"{TARGET}: {TARGET.stat().st_size} bytes, {seconds:.0f} seconds")
    if not SHORTEST_S <= seconds <= LONGEST_S:
        sys.exit(f"the film should take {SHORTEST_S} to {LONGEST_S} seconds; change what it waits for in {__file__}")


@contextmanager
def filmed(recorder: Page, page: Page) -> Iterator[None]:
    """Everything that the page shows meanwhile, in TARGET."""
    recorder.evaluate(RECORDER, [WIDTH, HEIGHT])
    session = page.context.new_cdp_session(page)

    def frame(shown: dict[str, str]) -> None:
        session.send("Page.screencastFrameAck", {"sessionId": shown["sessionId"]})
        recorder.evaluate("jpeg => show(jpeg)", shown["data"])

    session.on("Page.screencastFrame", frame)
    session.send("Page.startScreencast", {"format": "jpeg", "quality": 80, "everyNthFrame": 4})
    yield
    session.send("Page.stopScreencast")
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_bytes(base64.b64decode(recorder.evaluate("finish()")))


@contextmanager
def started(page: Page, command: list[str]) -> Iterator[None]:
    """The service, its start on the screen: the command, and what it logs until it answers."""
    page.set_content(TERMINAL)
    say(page, f"$ {' '.join(command)}")
    page.wait_for_timeout(LOOK_MS)
    process = subprocess.Popen(  # noqa: S603
        [str(BIN / command[0]), *command[1:]], stderr=subprocess.PIPE, text=True
    )
    try:
        for line in process.stderr or ():
            say(page, line.rstrip())
            if "running on" in line:
                break
        else:
            sys.exit("the service did not start")
        page.wait_for_timeout(READ_MS)
        yield
    finally:
        stop(process)


def say(page: Page, line: str) -> None:
    """One more line of the terminal."""
    page.evaluate("line => document.querySelector('pre').append(line + '\\n')", line)


def docs(page: Page) -> None:
    """The API's own documentation, and a prediction asked from it."""
    page.goto("/ready")
    page.wait_for_timeout(READ_MS)
    page.goto("/docs")
    operation = page.locator("#operations-scoring-score")
    operation.wait_for(timeout=60_000)
    page.wait_for_timeout(READ_MS)
    operation.locator("button.opblock-summary-control").click()
    page.wait_for_timeout(READ_MS)
    operation.get_by_role("button", name="Try it out").click()
    page.wait_for_timeout(LOOK_MS)
    execute = operation.get_by_role("button", name="Execute")
    execute.scroll_into_view_if_needed()
    execute.click()
    answer = operation.locator(".live-responses-table .response .microlight").first
    answer.wait_for()
    answer.scroll_into_view_if_needed()
    page.wait_for_timeout(READ_MS)


def applicant(page: Page) -> None:
    """The page for people: examples decided, then a score that moves with a field."""
    page.goto("/")
    expect(page.locator("#readout")).to_contain_text("score")
    example = page.get_by_label("Start from an example")
    names = example.locator("option").all_inner_texts()
    page.wait_for_timeout(READ_MS)
    for name in (names[0], names[-1]):
        example.select_option(name)
        page.wait_for_timeout(LOOK_MS)
        page.get_by_role("button", name="Decide").click()
        page.locator("#decision").wait_for()
        page.wait_for_timeout(READ_MS)
    along = page.get_by_label("How the score moves along")
    along.scroll_into_view_if_needed()
    for name in along.locator("option").all_inner_texts()[:3]:
        along.select_option(name)
        expect(page.locator("#readout")).to_contain_text(name)
        page.wait_for_timeout(LOOK_MS)
        slider = page.get_by_label("Value of the chosen field")
        slider.press("Home")
        for _ in range(int(slider.get_attribute("max") or 0)):
            slider.press("ArrowRight")
            page.wait_for_timeout(60)
        page.wait_for_timeout(LOOK_MS)


if __name__ == "__main__":
    main()
