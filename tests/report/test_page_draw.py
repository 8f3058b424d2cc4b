"""Drawing in the report, and which training images its k-NN answers from."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from mnist_pipeline.report import arrays
from mnist_pipeline.report.content import Values
from mnist_pipeline.report.page import render

SAME = """async () => {
  const { arrays, models } = await loaded;
  const dialog = document.getElementById("opened");
  const turn = dialog.querySelector(".turn");
  const same = [];
  for (const button of document.querySelectorAll(".openable [data-index]")) {
    const place = arrays["test.indices"].indexOf(Number(button.dataset.index));
    const image = Float32Array.from(entryAt(arrays["test.images"], place));
    button.click();
    turn.value = 1;
    turn.dispatchEvent(new Event("input"));
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const [before, after] = [image, deformations.turned(image, -1)].map(
      (each) => models.knn.answer(each).label,
    );
    const changes = dialog.querySelector(".message").textContent.match(/Changed:.*k-NN/) !== null;
    same.push([changes, before !== after]);
  }
  dialog.close();
  return same;
}"""

# How often work for the next frame is done while each of ten frames asks for it.
ASKED_PER_FRAME = """() => new Promise((done) => {
  let [frames, count] = [0, 0];
  const later = perFrame(() => { count += 1; });
  const step = () => {
    frames += 1;
    if (frames > 10) return done(count);
    requestAnimationFrame(step);
    later();
  };
  step();
})"""

pytestmark = pytest.mark.browser


@pytest.mark.usefixtures("without_charts")
def test_a_turned_digit_is_compared_with_the_answers_of_the_page(
    browser: Browser,
    composed: dict[str, Any],
    values: Values,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arrays, "SAMPLE", 0)  # the fewest training images that a page can have
    (tmp_path / "page.html").write_text(render(composed, values))
    page = browser.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    changes = page.evaluate(SAME)
    assert len(changes) > 10
    assert all(told == is_changed for told, is_changed in changes)
    page.locator(".openable button").first.click()
    caption = page.locator("#opened .near .caption")
    number = f"{len(values['train_digits'].labels):,}"
    page.locator("#opened .turn").fill("2")
    expect(caption).to_have_text(re.compile(rf"^k-NN: among \d[\d,]* of the {number} training"))
    page.locator("#opened .turn").fill("0")
    expect(caption).to_have_text(re.compile(rf"^k-NN: among all {number} training"))
    page.close()


def test_answers_follow_a_digit_while_it_changes_in_each_frame(page: Page) -> None:
    assert page.evaluate(ASKED_PER_FRAME) >= 5  # at least in every second frame
