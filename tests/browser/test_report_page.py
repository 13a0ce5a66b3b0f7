"""The report as a browser shows it: headless Chromium, where there is one."""

import json
import shutil
import tempfile

import fake_run
import pytest

from moascope.report import page as report

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LOG_KINDS = {"browser": "ALL", "performance": "ALL"}

# Right edges of what sticks out of the window, boxes that scroll by themselves left out.
OVERFLOWING = """
return [...document.querySelectorAll('main *, nav')].filter(e =>
    !e.closest('svg, .scroll, details:not([open]) > :not(summary)') &&
    e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120))
"""

# Text whose contrast with what lies behind it is below WCAG AA.
FAINT = """
const channels = text => (text.match(/[\\d.]+/g) || []).map(Number);
const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const behind = e => {
    for (; e; e = e.parentElement) {
        const colour = channels(getComputedStyle(e).backgroundColor);
        if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
};
return [...document.querySelectorAll('body *')].filter(e => !e.closest('svg') &&
    [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) &&
    e.getClientRects().length).filter(e => {
        const pair = [channels(getComputedStyle(e).color), behind(e)].map(luminance);
        return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05) < 4.5;
    }).map(e => e.outerHTML.slice(0, 120))
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    path = folder / "report.html"
    path.write_text(report.build(fake_run.context(folder)), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def driver():
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("needs chromium and chromedriver (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    with tempfile.TemporaryDirectory() as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", LOG_KINDS)
        browser = webdriver.Chrome(options=options, service=Service(DRIVER))
        try:
            yield browser
        finally:
            browser.quit()


def show(driver, page, width=1280, scheme="light", media=""):
    """Open the page in a window of a size, and forget what the browser logged before."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    feature = {"name": "prefers-color-scheme", "value": scheme}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [feature]})
    driver.get("about:blank")
    for kind in LOG_KINDS:
        driver.get_log(kind)
    driver.get(page)


def focused(driver):
    return driver.switch_to.active_element


def test_the_console_stays_silent(driver, page):
    show(driver, page)
    assert driver.get_log("browser") == []


def test_nothing_but_the_file_itself_is_loaded(driver, page):
    show(driver, page)
    driver.execute_script("scrollTo(0, document.body.scrollHeight)")
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = {
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    }
    assert {address for address in asked if not address.startswith("data:")} == {page}


def test_an_injected_script_would_not_run(driver, page):
    show(driver, page)
    driver.execute_script(
        "const s = document.createElement('script'); s.textContent = 'document.title = \"owned\"';"
        "document.body.append(s)"
    )
    assert driver.title != "owned"


def test_every_section_is_visible(driver, page):
    show(driver, page)
    sections = driver.find_elements("css selector", "main > section")
    assert len(sections) >= 8
    assert all(section.size["height"] > 40 for section in sections)


def test_every_image_and_figure_is_drawn(driver, page):
    show(driver, page)
    broken = driver.execute_script(
        "return [...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    )
    assert broken == 0
    flat = driver.execute_script(
        "return [...document.querySelectorAll('svg.figure')].filter(s => !s.closest("
        "'details:not([open])') && s.getClientRects().length && "
        "s.getBoundingClientRect().height < 50).length"
    )
    assert flat == 0


@pytest.mark.parametrize("width", [320, 400, 800, 1280, 1920])
def test_the_page_never_scrolls_sideways(driver, page, width):
    show(driver, page, width)
    driver.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    assert driver.execute_script(OVERFLOWING) == []


def test_wide_figures_scroll_in_their_own_box(driver, page):
    show(driver, page, 400)
    wide = driver.execute_script(
        "return [...document.querySelectorAll('.scroll')]"
        ".filter(e => e.scrollWidth > e.clientWidth).length"
    )
    assert wide > 0


def test_tables_of_scores_are_read_on_a_telephone_without_scrolling_sideways(driver, page):
    show(driver, page, 400)
    script = """
    return [...document.querySelectorAll('table.stacked')].map(table => [
        table.closest('.scroll').scrollWidth - table.closest('.scroll').clientWidth,
        getComputedStyle(table.querySelector('tbody td'), '::before').content])
    """
    tables = driver.execute_script(script)
    assert len(tables) >= 3
    assert all(excess <= 0 for excess, _ in tables)
    assert all(label not in ("none", '""') for _, label in tables)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_enough_contrast(driver, page, scheme):
    show(driver, page, scheme=scheme)
    driver.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert driver.execute_script(FAINT) == []


def test_the_page_follows_the_colour_scheme(driver, page):
    seen = {}
    for scheme in ("light", "dark"):
        show(driver, page, scheme=scheme)
        seen[scheme] = driver.execute_script(
            "return [getComputedStyle(document.body).backgroundColor, "
            "getComputedStyle(document.querySelector('svg.figure text')).fill]"
        )
    assert all(light != dark for light, dark in zip(seen["light"], seen["dark"], strict=True))


def test_the_keyboard_reaches_skip_link_then_navigation(driver, page):
    show(driver, page)
    body = driver.find_element("css selector", "body")
    body.send_keys(Keys.TAB)
    assert focused(driver).get_attribute("class") == "skip"
    assert focused(driver).rect["x"] >= 0
    focused(driver).send_keys(Keys.TAB)
    assert focused(driver).get_attribute("href").endswith("#summary")
    outline = focused(driver).value_of_css_property("outline-style")
    assert outline != "none"


def test_navigation_works_with_the_keyboard(driver, page):
    show(driver, page)
    link = driver.find_element("css selector", "nav a[href='#config']")
    link.send_keys(Keys.ENTER)
    top = driver.execute_script(
        "return document.getElementById('config').getBoundingClientRect().top"
    )
    assert 0 <= top < 900
    summary = driver.find_element("css selector", "#config summary")
    summary.send_keys(Keys.ENTER)
    assert driver.find_element("css selector", "#config pre").is_displayed()


@pytest.mark.parametrize("width", [400, 1280])
def test_the_navigation_stays_in_view(driver, page, width):
    show(driver, page, width)
    driver.execute_script("scrollTo({top: 3000, behavior: 'instant'})")
    top = driver.execute_script("return document.querySelector('nav').getBoundingClientRect().top")
    assert top == 0


def test_paper_has_no_navigation_and_nothing_cut_off(driver, page):
    show(driver, page, media="print")
    assert not driver.find_element("css selector", "nav").is_displayed()
    cut = driver.execute_script(
        "return [...document.querySelectorAll('.scroll')]"
        ".filter(e => getComputedStyle(e).overflowX !== 'visible').length"
    )
    assert cut == 0
