"""A script in the browser that measures how a view of the app fills, and visitors who open views.

A view is a page with a query. Its own picture is what the view is about: on the Dream page the
dream, not the photograph that it starts from.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from playwright.sync_api import Browser, Page

from benchmarks.tour import FILLED, MAIN, UNSETTLED

# Seconds for which a view must have everything until it counts as whole.
CALM = 2.0
# Seconds between two looks at the visitors' pages, and at one page.
PAUSE, TICK = 0.05, 0.03
WINDOW = {"width": 1280, "height": 900}
# Script that notes in ``window.firstView``, in seconds since the page was asked for:
#   loaded: when Streamlit's own code was loaded; null before;
#   first: when the view's own picture, finished or not, was first there; null before;
#   whole: when the view had everything that it requested; null before;
#   still: the longest time in which the own picture, or a place for another one, was empty and
#     nothing changed: no new picture, no new preview, no risen progress;
#   waits: a word for what is missing now, or what was missing at the end of that longest time.
# ``selectors`` name the own picture from the outside inwards, also across shadow roots; on views
# without pictures, ``words`` are looked for.
WATCH = """([selectors, words, calm, tick]) => {
  const noted = { loaded: null, first: null, whole: null, still: 0, waits: '', missing: '' };
  const unsettled = UNSETTLED;
  const inside = (element) => {
    let at = selectors.length - 1;
    for (let it = element; it && at >= 0; it = it.parentElement ?? it.getRootNode().host) {
      if (it.matches(selectors[at])) at -= 1;
    }
    return at < 0;
  };
  const isSeen = (it) => it.getBoundingClientRect().width > 24
    && (it.tagName !== 'IMG' || (it.complete && it.naturalWidth > 8));
  const look = (root, found) => {
    for (const it of root.querySelectorAll('img, .main-svg')) {
      if (!isSeen(it)) continue;
      found.own ||= !words && !it.matches('.sample') && inside(it);
      found.signs.push(it.tagName === 'IMG' ? `${it.src.length}${it.src.slice(-24)}` : 'chart');
    }
    for (const it of root.querySelectorAll('[data-testid="stProgress"] [role="progressbar"]')) {
      found.signs.push(it.getAttribute('aria-valuenow'));
    }
    for (const it of root.querySelectorAll('*')) if (it.shadowRoot) look(it.shadowRoot, found);
    return found;
  };
  let before = '', changed = 0, settled = null;
  const timer = setInterval(() => {
    const now = performance.now() / 1000;
    const main = document.querySelector('MAIN');
    const found = main ? look(main, { own: false, signs: [] }) : { own: false, signs: [] };
    if (document.querySelector('.stApp')) noted.loaded ??= now;
    if (main && words) found.own = main.innerText.includes(words);
    const signs = found.signs.join();
    if (now - changed > noted.still) [noted.still, noted.waits] = [now - changed, noted.missing];
    noted.missing = unsettled() || (found.own ? '' : 'its picture');
    if (found.own && noted.first === null) noted.first = now;
    const filled = found.own && FILLED.includes(noted.missing);
    if (signs !== before || filled) [before, changed] = [signs, now];
    if (noted.missing) settled = null;
    else settled ??= now;
    if (settled !== null && now - settled > calm) {
      noted.whole = settled;
      clearInterval(timer);
    }
  }, 1000 * tick);
  window.firstView = noted;
}""".replace("UNSETTLED", f"({UNSETTLED})").replace("MAIN", MAIN)
WATCH = WATCH.replace("FILLED", json.dumps(FILLED))


@dataclass(frozen=True)
class View:
    """A page of the app with a query, as a visitor opens it.

    Attributes:
        name: name of the view in tables.
        place: path and query of the view, such as ``lessons?lesson=3``.
        own: CSS selectors of the view's own picture, from the outside inwards.
        words: text to wait for on a view without pictures.
        made: whether the picture is made when the view is opened; else it ships with the project.
    """

    name: str
    place: str
    own: tuple[str, ...] = ()
    words: str = ""
    made: bool = False

    @property
    def page(self) -> str:
        """Name of the page's file."""
        return self.place.split("?")[0] or "home"


@dataclass(frozen=True)
class Look:
    """What one visitor saw of one view.

    Attributes:
        view: name of the view.
        visitor: number of the visitor.
        loaded: seconds until Streamlit's own code was loaded, part of all that follows; None if it
            never was.
        first: seconds until the view's own picture; None if it did not come.
        whole: seconds until the view had everything that it requested; None if it never had.
        still: longest time in seconds in which a picture was missing and nothing changed.
        waits: a word for what was missing at the end of that time, or at the end.
    """

    view: str
    visitor: int
    loaded: float | None
    first: float | None
    whole: float | None
    still: float
    waits: str

    def __str__(self) -> str:
        loaded, first, whole = (
            "never" if it is None else f"{it:.2f} s" for it in (self.loaded, self.first, self.whole)
        )
        waits = f", waited for {self.waits}" if self.waits else ""
        return (
            f"visitor {self.visitor + 1}: {self.view}: loaded {loaded}, first picture {first}, "
            f"whole view {whole}, no change for {self.still:.2f} s{waits}"
        )


def open_views(
    page: Page, address: str, views: Sequence[View], visitor: int, patience: float
) -> Iterator[Look | None]:
    """Open views one after the other in a tab, each until it is whole.

    Yields:
        A look when a view is whole or ``patience`` seconds have passed; None while it fills.
    """
    for view in views:
        page.goto(f"{address}/{view.place}", wait_until="commit")
        page.evaluate(WATCH, [list(view.own), view.words, CALM, TICK])
        ends = time.monotonic() + patience
        while True:
            noted = page.evaluate("window.firstView")
            over = time.monotonic() > ends
            if noted["whole"] is not None or over:
                break
            yield None
        waits = noted["missing"] if over else noted["waits"]
        times = (noted[it] for it in ("loaded", "first", "whole", "still"))
        yield Look(view.name, visitor, *times, waits)


def visit_together(
    browser: Browser, address: str, orders: Sequence[Sequence[View]], patience: float
) -> Iterator[Look]:
    """Open views as visitors at the same time, each in a browser context of their own.

    Args:
        browser: the browser.
        address: address of the app.
        orders: the views of each visitor, in their order.
        patience: seconds after which a visitor leaves a view that is not whole.
    """
    contexts = [browser.new_context(viewport=WINDOW) for _ in orders]
    visits = [
        open_views(context.new_page(), address, views, visitor, patience)
        for visitor, (context, views) in enumerate(zip(contexts, orders, strict=True))
    ]
    while visits:
        for visit in list(visits):
            try:
                look = next(visit)
            except StopIteration:
                visits.remove(visit)
                continue
            if look is not None:
                yield look
        time.sleep(PAUSE)
    for context in contexts:
        context.close()
