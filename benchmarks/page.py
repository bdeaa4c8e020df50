"""Claim: a report paints within a second from disk, and answers within a tenth of one.

    python benchmarks/page.py [RUN_FOLDER ...]   # the packaged networks and these runs' reports

In Chromium, from disk, a fresh page each time, medians of 5: milliseconds to the first contentful
paint and until the atlas is unpacked and shown; of a change of view and of the choice of a unit;
and of an edit, from the press until the page's own network has computed every layer and the frame
with its maps and probabilities is drawn: the picture moved or painted over, in Forward a unit
switched off or another picture chosen. Every edit is made twice. `first_` is the first time, while
the browser compiles what it takes; the second time a unit is switched on again, and the brush
paints what is painted already, so that the first ones say more of these two. Megabytes of the file:
at most 6 for a packaged network, 8 for a run with its recording, or it ends in an error. Hardware:
two cores named in the result; no GPU is used to draw.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look
from layerscope.training.runs.run_folder import open_run, packaged_names, with_data
from layerscope.view.report import write_report
from measured import write_result
from quiet import Others, wait_for_quiet

ROUNDS = 5
MOST_MB, MOST_RECORDED_MB = 6, 8
# What a page carries does not hang on how well it was measured, but for optimised images, which
# make the largest of these reports 2 MB larger.
LITTLE = Effort(
    pictures=200, untrained=2, ablation_pictures=0, featurevis_steps=0, dependence_patches=4,
    dependence_copies=2,
)  # fmt: skip
FRAME = "await new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
# Milliseconds from a click until what it changed is drawn.
CLICK = f"""async (test) => {{
    const node = document.querySelector(test), started = performance.now();
    node.click();
    {FRAME};
    return performance.now() - started; }}"""
# From an edit until the page's network has answered, and maps and probabilities are drawn; null
# where no map is drawn anew.
EDIT = f"""async ([pressed, maps]) => {{
    const node = document.querySelector(pressed), area = node.getBoundingClientRect();
    const pen = CanvasRenderingContext2D.prototype, own = pen.putImageData;
    const drawn = new Promise((done) => {{ pen.putImageData = function (...given) {{
        own.apply(this, given);
        if (this.canvas.closest(maps)) done(); }}; }});
    const at = {{ clientX: area.x + area.width / 2, clientY: area.y + area.height / 2, buttons: 1,
        bubbles: true }};
    const started = performance.now();
    if (node.localName === "canvas") node.dispatchEvent(new PointerEvent("pointerdown", at));
    else node.click();
    const late = new Promise((done) => setTimeout(done, 5000, true));
    const failed = await Promise.race([drawn, late]);
    {FRAME};
    pen.putImageData = own;
    return failed ? null : performance.now() - started; }}"""
INSIDE, COLUMNS = "[data-testid^=inside-]", "[data-testid=forward-stage]"
EDITS = {
    "moved_ms": ("try", "[data-testid=move-right]", INSIDE),
    "painted_over_ms": ("try", "[data-testid=received]", INSIDE),
    "switched_off_ms": ("forward", "[data-testid=switch-off]", COLUMNS),
    "another_picture_ms": ("forward", "[data-testid=samples] [aria-pressed=false]", COLUMNS),
}
CLICKS = {
    "forward_ms": "[data-testid=view-forward]",
    "layers_ms": "[data-testid=view-layers]",
    "unit_ms": "[data-cell][aria-pressed=false]",
}
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def opened(browser: Browser, report: Path) -> tuple[Page, dict[str, float]]:
    """A fresh page, and how long it took: milliseconds."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"file://{report}")
    page.wait_for_selector("[data-testid=page]")
    shown = page.evaluate("performance.now()")
    page.wait_for_function(f"{PAINT} > 0")
    return page, {"paint_ms": page.evaluate(PAINT), "shown_ms": shown}


def edited(page: Page) -> dict[str, float]:
    """Milliseconds of each edit, the first and the second of its kind."""
    row = {}
    for name, (view, pressed, maps) in EDITS.items():
        page.click(f"[data-testid=view-{view}]")
        if name == "switched_off_ms":
            # A unit that something of the picture drives: the first of the second column.
            page.locator("[data-testid^=node-1-]").first.click()
        page.wait_for_selector(pressed)
        page.wait_for_timeout(300)
        row[f"first_{name}"] = page.evaluate(EDIT, [pressed, maps])
        row[name] = page.evaluate(EDIT, [pressed, maps])
    return row


def measured(browser: Browser, report: Path) -> dict[str, Any]:
    """Medians over fresh pages."""
    rows = []
    for _ in range(ROUNDS):
        page, row = opened(browser, report)
        for name, test in CLICKS.items():
            row[name] = page.evaluate(CLICK, test)
        page.click("[data-testid=view-try]")
        # The network is built in a worker, and held against what was recorded first.
        page.wait_for_selector("[data-testid=move-right], [data-testid=trial-refusal]")
        if page.locator("[data-testid=move-right]").count():
            row.update(edited(page))
        rows.append(row)
        page.close()
    told = {name: [r[name] for r in rows if r[name] is not None] for name in rows[0]}
    medians = {name: round(statistics.median(ms), 1) for name, ms in told.items() if ms}
    return {"report_mb": round(report.stat().st_size / 1e6, 3), **medians}


def reports(folder: Path) -> dict[str, Path]:
    """The packaged networks' reports, and those of the runs that were named."""
    found = {}
    for name in packaged_names():
        run = with_data(open_run(name))
        atlas = look(run, effort=LITTLE, out=folder / name / "atlas")
        found[name] = write_report(
            folder / name / "report.html", atlas_dir=atlas.path, run_dir=run.path
        )
    for run_dir in map(Path, sys.argv[1:]):
        found[run_dir.name] = write_report(
            folder / f"{run_dir.name}.html", atlas_dir=run_dir / "atlas", run_dir=run_dir
        )
    return found


def check_sizes(written: dict[str, Path]) -> None:
    """End in an error where a report is larger than it may be."""
    for name, report in written.items():
        found, most = report.stat().st_size / 1e6, MOST_RECORDED_MB
        if name in packaged_names():
            most = MOST_MB
        if found > most:
            raise SystemExit(f"the report of {name} takes {found:.1f} MB, of {most} at most")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        written = reports(Path(folder))
        check_sizes(written)
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        figures = {}
        for name, report in written.items():
            wait_for_quiet()
            others = Others()
            figures[name] = {**measured(browser, report), "other_cores": others.cores()}
            print(name, figures[name], flush=True)
        figures["browser"] = browser.version
        browser.close()
    write_result("page", __doc__.splitlines()[0], figures)


if __name__ == "__main__":
    main()
