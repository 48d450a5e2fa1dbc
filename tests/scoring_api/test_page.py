"""The page for people, in the Chromium of this machine."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from credit_contract.bundle import Bundle
from scoring_api.access import new_key

from .conftest import Serve
from .process import start
from .toy import POLICY, SCHEMA, make_bundle

expect.set_options(timeout=30_000)  # a busy machine takes longer than the usual five seconds
HOSTILE = "<img src=x onerror=\"document.title='taken'\"></option></script><script>document.title='taken'</script>"
# The least contrast of any text with what is behind it, by WCAG 2; a name where it is below 4.5 : 1.
FAINT = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = (colour) => {
    const [r, g, b] = rgba(colour).map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const { backgroundColor } = getComputedStyle(element);
    return rgba(backgroundColor)[3] === 255 ? backgroundColor : behind(element.parentElement);
  };
  const faint = [];
  for (const element of document.querySelectorAll("main *, header *")) {
    const spoken = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!spoken || !element.checkVisibility() || element.closest("svg, option")) continue;
    const [one, other] = [light(getComputedStyle(element).color), light(behind(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) faint.push(`${element.textContent.trim()}: ${ratio.toFixed(2)}`);
  }
  return faint;
}"""


@pytest.fixture
def faults() -> list[str]:
    return []


@pytest.fixture
def page(chromium: Browser, client: httpx.Client, faults: list[str]) -> Iterator[Page]:
    """The page, open; what the browser complains about goes to `faults`."""
    opened = chromium.new_page(base_url=str(client.base_url), viewport={"width": 1400, "height": 900})
    opened.on("console", lambda message: faults.extend([message.text] if message.type == "error" else []))
    opened.on("pageerror", lambda error: faults.append(str(error)))
    host = str(client.base_url)
    opened.on("request", lambda asked: faults.extend([] if asked.url.startswith(host) else [asked.url]))
    opened.goto("/")
    expect(opened.locator("#readout")).to_contain_text("score")
    yield opened
    opened.close()


def field(page: Page, name: str) -> Any:
    return page.locator(f"#field-{name}")


def score(page: Page, section: str) -> int:
    return int(page.locator(f"#{section} [data-told=score]").inner_text())


def pick(page: Page, decision: str) -> None:
    example = page.locator("#example option", has_text=f"would be {decision}").last
    example.wait_for(state="attached")
    page.get_by_label("Start from an example").select_option(example.inner_text())


def decisions(client: httpx.Client) -> list[str]:
    return [line for line in client.get("/metrics").text.splitlines() if line.startswith("scoring_api_decisions_total")]


def test_an_example_is_decided_with_its_reasons(page: Page, faults: list[str], bundle: Bundle) -> None:
    pick(page, "decline")
    page.get_by_role("button", name="Decide").click()
    decision = page.locator("#decision")
    expect(decision.locator(".verdict")).to_have_text("decline")
    reasons = decision.locator("#reasons li").all_inner_texts()
    assert 1 <= len(reasons) <= 4
    assert set(reasons) <= set(POLICY.reasons.values())
    expect(decision).to_contain_text("toy-1")
    expect(decision).to_contain_text(bundle.digest[:12])
    pick(page, "approve")
    page.get_by_role("button", name="Decide").click()
    expect(decision.locator(".verdict")).to_have_text("approve")
    expect(decision.locator("#why")).to_be_hidden()
    assert faults == []


def test_the_score_moves_with_a_field_and_nothing_is_decided(
    page: Page, client: httpx.Client, faults: list[str]
) -> None:
    before, decided = score(page, "preview"), decisions(client)
    field(page, "late_payments").fill("12")
    expect(page.locator("#preview .verdict")).to_have_text("decline")
    assert score(page, "preview") < before
    assert decisions(client) == decided
    assert faults == []


def test_the_curve_is_walked_by_keyboard_and_by_pointer(page: Page, faults: list[str]) -> None:
    page.get_by_label("How the score moves along").select_option("late_payments")
    expect(page.locator("#readout")).to_contain_text("late_payments")
    assert page.locator("#curve .cut-off").count() == 2
    slider = page.get_by_label("Value of the chosen field")
    slider.press("Home")
    best = score(page, "preview")
    slider.press("ArrowRight")
    expect(field(page, "late_payments")).to_have_value("1")
    assert score(page, "preview") < best
    box = page.locator("#curve").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] - 5, box["y"] + 50)
    expect(field(page, "late_payments")).to_have_value("12")
    expect(page.locator("#readout")).to_contain_text("late_payments 12: score")
    page.get_by_label("How the score moves along").select_option("housing")
    expect(page.locator("#readout")).to_contain_text("housing")
    slider.press("Home")
    expect(page.locator("#readout")).to_contain_text("housing not stated")
    assert faults == []


def test_a_decision_is_marked_as_stale_when_values_change(page: Page) -> None:
    page.get_by_role("button", name="Decide").click()
    expect(page.locator("#decision")).to_be_visible()
    expect(page.locator("#stale")).to_be_hidden()
    field(page, "income").fill("40")
    expect(page.locator("#stale")).to_be_visible()


def test_a_new_model_is_noticed_and_shown_when_asked(chromium: Browser, bundle: Bundle, tmp_path: Path) -> None:
    other = make_bundle(tmp_path / "other", POLICY.model_copy(update={"version": "2026-02"}))
    file = tmp_path / "settings.yaml"
    file.write_text(f"bundle: {bundle.path}\ntag: toy-1\n")
    process, client = start(None, "--settings", str(file))

    def serves(path: Path, tag: str) -> None:
        file.write_text(f"bundle: {path}\ntag: {tag}\n")
        process.send_signal(signal.SIGHUP)
        while client.get("/ready").json()["model_tag"] != tag:
            pass

    try:
        page = chromium.new_page(base_url=str(client.base_url))
        page.clock.install()
        page.goto("/")
        field(page, "late_payments").fill("3")
        field(page, "income").fill("")
        expect(page.locator("#readout")).to_contain_text("score")
        expect(page.get_by_role("status")).to_be_hidden()
        serves(other.path, "toy-2")
        page.clock.fast_forward(60_000)
        expect(page.get_by_role("status")).to_contain_text("toy-2")
        expect(page.locator("#model")).to_contain_text("toy-1")
        page.get_by_role("button", name="Show the new one").click()
        expect(page.locator("#model")).to_contain_text("toy-2")
        expect(field(page, "late_payments")).to_have_value("3")
        expect(field(page, "income")).to_have_value("")
        expect(page.get_by_role("status")).to_be_hidden()
        serves(bundle.path, "toy-3")
        page.get_by_role("button", name="Decide").click()
        expect(page.get_by_role("status")).to_contain_text("toy-3")
        page.close()
    finally:
        process.kill()


def test_a_refused_value_is_told_beside_its_field(page: Page, faults: list[str]) -> None:
    for name, text, message in (
        ("late_payments", "13", "Outside the range: an integer from 0 to 12."),
        ("late_payments", "1.5", "This cannot be read: an integer from 0 to 12."),
        ("utilisation", "much", "This cannot be read: a number from -1 to 5."),
        ("utilisation", "1e999", "This cannot be read: a number from -1 to 5."),
        ("utilisation", "", "Fill this in: a number from -1 to 5."),
    ):
        field(page, name).fill(text)
        page.get_by_role("button", name="Decide").click()
        expect(page.locator(f"#field-{name}-message")).to_have_text(message)
        expect(field(page, name)).to_be_focused()
        expect(field(page, name)).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_role("alert")).to_be_hidden()
        field(page, name).fill("1")
        expect(page.locator(f"#field-{name}-message")).to_be_hidden()
    assert page.locator("#decision").is_hidden()
    assert [fault for fault in faults if "422" not in fault] == []


def test_protected_attributes_are_for_the_record_alone(serve: Serve, chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    client = serve(journal={"file": file})
    page = chromium.new_page(base_url=str(client.base_url))
    page.goto("/")
    page.get_by_text("For monitoring only").click()
    page.get_by_label("sex").select_option("m")
    page.get_by_role("button", name="Decide").click()
    expect(page.locator("#decision")).to_be_visible()
    decided = page.locator("#decision [data-told=id]").inner_text()
    assert "sex" not in client.get(f"/decisions/{decided}").json()["applicant"]
    with sqlite3.connect(file) as journal:
        [kept] = journal.execute("SELECT * FROM monitoring_attributes").fetchall()
    assert (kept[0], kept[-1]) == (decided, '{"sex":"m"}')
    assert page.locator("#along option").all_inner_texts() == [scored.name for scored in SCHEMA.scored_fields]
    page.close()


def test_the_page_asks_for_a_key_and_keeps_it_in_memory_only(serve: Serve, chromium: Browser, tmp_path: Path) -> None:
    key, line = new_key("client", "score")
    (tmp_path / "keys").write_text(line)
    client = serve(auth="keys", keys_file=tmp_path / "keys")
    page = chromium.new_page(base_url=str(client.base_url))
    page.goto("/")
    page.get_by_label("API key").press_sequentially("wrong.key")
    page.get_by_label("API key").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("this API key is unknown")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Decide").click()
    expect(page.locator("#decision .verdict")).to_have_text("approve")
    expect(page.get_by_role("alert")).to_be_hidden()
    assert page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0
    page.reload()
    expect(page.get_by_label("API key")).to_have_value("")
    page.close()


def test_everything_is_named_fits_and_can_be_read(page: Page) -> None:
    pick(page, "decline")
    page.get_by_role("button", name="Decide").click()
    expect(page.locator("#decision")).to_be_visible()
    field(page, "utilisation").fill("6")
    expect(page.locator("#field-utilisation-message")).to_be_visible()
    nameless = "[...document.querySelectorAll('input, select')].filter(e => !e.labels.length && !e.ariaLabel).length"
    assert page.evaluate(nameless) == 0
    for width in (400, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == width
    page.emulate_media(color_scheme="light")
    assert page.evaluate(FAINT) == []
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(FAINT) == []


def test_words_of_a_bundle_stay_words(serve: Serve, chromium: Browser, tmp_path: Path) -> None:
    fields = [
        scored.model_copy(update={"meaning": HOSTILE, "unit": scored.unit and HOSTILE}) for scored in SCHEMA.fields
    ]
    policy = POLICY.model_copy(update={"reasons": dict.fromkeys(POLICY.reasons, HOSTILE)})
    hostile = make_bundle(tmp_path / "hostile", policy, SCHEMA.model_copy(update={"fields": tuple(fields)}))
    client = serve(bundle=hostile.path, tag=HOSTILE)
    page = chromium.new_page(base_url=str(client.base_url))
    page.goto("/")
    pick(page, "decline")
    page.get_by_role("button", name="Decide").click()
    expect(page.locator("#reasons li").first).to_have_text(HOSTILE)
    expect(page.locator("#field-income-hint")).to_contain_text(HOSTILE)
    assert page.locator("main img, main script").count() == 0
    assert page.title() == "Credit scoring"
    page.close()


def test_nothing_inline_and_nothing_from_elsewhere_is_allowed(client: httpx.Client, page: Page) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "unsafe" not in policy
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))
    page.evaluate("document.head.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))")
    assert page.evaluate("window.ran") is None


def test_without_a_bundle_the_page_says_why(serve: Serve, chromium: Browser, bundle: Bundle, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(bundle.path, damaged)
    (damaged / "policy.json").write_text("{}")
    page = chromium.new_page(base_url=str(serve(bundle=damaged).base_url))
    page.goto("/")
    expect(page.get_by_role("alert")).to_contain_text("policy.json")
    page.close()
