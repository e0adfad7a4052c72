"""Somebody with a browser, who holds each page that they see against what holds for all of them."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Frame,
    Locator,
    Page,
    Request,
)

from mailer import languages
from mailer.web.public.site import catalogue
from tests.acceptance.web import axe
from tests.acceptance.web.office import Office

PICTURES = os.environ.get("PICTURES", "")
"""The folder that pictures of the pages go to; none are made without it."""

EVERY_WIDTH = bool(os.environ.get("EVERY_WIDTH"))
"""Look at each state in each language on a phone and on a desktop, as `make proofs` does. Without
it each language is looked at on one: half of the journeys' time is axe-core's."""

WIDTHS = {"phone": (390, 844), "desktop": (1280, 800)}

NARROWEST = {"phone": 320, "desktop": 640}
"""At which nothing may have to be scrolled sideways either: WCAG 2.2 §1.4.10 (Reflow), and what
200 % of zoom (§1.4.4) leaves of a desktop's width."""

_STATUS = re.compile(r"the server responded with a status of 4\d\d")
"""Chromium's note on a page with such a status: those are meant."""

_LEFT = "net::ERR_ABORTED"
"""What Chromium gives up itself when its reader goes on, such as a logo that is not drawn yet. What
a policy blocks, or a server fails to answer, it calls otherwise."""

_WIDER = """() => {
  const root = document.documentElement, wide = root.clientWidth;
  const out = [...document.body.querySelectorAll('*')].filter(one => {
    const box = one.getBoundingClientRect();
    return box.width > 1 && (box.right > wide + 1 || box.left < -1);
  });
  return root.scrollWidth > wide || out.length
    ? `${root.scrollWidth} of ${wide} px: ${out.map(one => one.outerHTML.slice(0, 99)).join(' | ')}`
    : '';
}"""


@dataclass(frozen=True)
class Kind:
    """How a journey is gone. Without scripts axe-core, which is one, can't look."""

    language: str
    width: str
    scripts: bool = True

    @property
    def name(self) -> str:
        return f"{self.language}-{self.width}{'' if self.scripts else '-no-scripts'}"


@dataclass
class Reader:
    """`address` is theirs alone, and so is the network that they come from."""

    office: Office
    kind: Kind
    page: Page
    address: str
    client: str
    complaints: list[str] = field(default_factory=list)
    """What the browser said of the pages: refused by their policy, broken, not found."""

    def __post_init__(self) -> None:
        self.page.set_extra_http_headers({"X-Forwarded-For": self.client})
        self.page.on("console", self._listen)
        self.page.on("pageerror", self._hear)
        self.page.on("requestfailed", self._miss)

    def go(self) -> None:
        """They leave; the tab is the next one's."""
        self.page.remove_listener("console", self._listen)
        self.page.remove_listener("pageerror", self._hear)
        self.page.remove_listener("requestfailed", self._miss)
        self.page.goto("about:blank")
        self.office.forget(self.address)

    def _listen(self, said: ConsoleMessage) -> None:
        if said.type in {"error", "warning"} and not _STATUS.search(said.text):
            self.complaints.append(said.text)

    def _hear(self, error: Error) -> None:
        self.complaints.append(str(error))

    def _miss(self, request: Request) -> None:
        if request.failure != _LEFT:
            self.complaints.append(f"{request.url}: {request.failure}")

    # ---- what people do -------------------------------------------------------------------------

    def open(self, path: str) -> None:
        """A page by its path, or by the whole address that a mail gave."""
        self.page.goto(path if path.startswith("http") else f"{self.office.url}{path}")

    def press(self, form: str = "") -> None:
        """The button of the form whose address ends so, or of the page's only one."""
        which = f'form[action$="{form}"]' if form else "form"
        self.page.locator(f"main {which} button").click()

    def send(self, **fields: str) -> None:
        """A sign-up form, without looking at its page."""
        form: dict[str, str | float | bool] = {
            "list": "news",
            "language": self.kind.language,
            **fields,
        }
        url = f"{self.office.url}/subscribe"
        done = self.page.request.post(url, form=form, headers={"X-Forwarded-For": self.client})
        assert done.status == 200, done.text()

    def follow(self, end: str) -> None:
        """The link of the page's own part whose address ends so."""
        self.page.locator(f'main a[href$="{end}"]').click()

    # ---- what they see --------------------------------------------------------------------------

    def words(self, message: str) -> str:
        """How pages say it in their language."""
        return catalogue(self.kind.language).gettext(message)

    @property
    def said(self) -> Locator:
        """What the page says has happened, which screen readers read out."""
        return self.page.locator("main [role=status]")

    @property
    def wrong(self) -> Locator:
        """What the page says is wrong, which screen readers read out at once."""
        return self.page.locator("main [role=alert]")

    def sees(self, name: str, *, frame: Frame | None = None) -> None:
        """Hold the page against all that holds for each, in light and dark; `name` is the state
        that it is in, which is looked at once in each language. `frame`: the part of it that is
        ours, where another site's page frames it."""
        ours = frame or self.page.main_frame
        where = f"{name}, {self.kind.name}, {self.page.url}"
        root = ours.locator("html")
        language = self.kind.language
        assert root.get_attribute("lang") == language, where
        assert root.get_attribute("dir") == languages.direction(language), where
        assert ours.locator("h1").count() == 1, where
        assert ours.locator("script, [style], [onclick]").count() == 0, where
        assert not self.complaints, f"{where}\n" + "\n".join(self.complaints)
        if self.kind.scripts and (name, language) not in self.office.seen:
            self.office.seen.add((name, language))
            found = [
                f"at {width}: {one}"
                for width in self._widths
                for one in self._look(ours, name, width)
            ]
            self._turn(self.kind.width)
            assert not found, f"{where}\n" + "\n".join(found)

    @property
    def _widths(self) -> list[str]:
        return [*WIDTHS] if EVERY_WIDTH or PICTURES else [self.kind.width]

    def _look(self, ours: Frame, name: str, width: str) -> list[str]:
        self._turn(width, NARROWEST[width])
        found = self._wider(ours)
        self._turn(width)
        found += self._wider(ours) + axe.findings(ours)
        self._picture(name, width)
        if width == "phone":
            self.page.emulate_media(color_scheme="dark")
            found += [f"in dark mode {one}" for one in axe.findings(ours, rule=axe.CONTRAST)]
            self._picture(name, "dark")
            self.page.emulate_media(color_scheme="light")
        return found

    def _turn(self, size: str, narrow: int = 0) -> None:
        width, height = WIDTHS[size]
        self.page.set_viewport_size({"width": narrow or width, "height": height})

    def _wider(self, ours: Frame) -> list[str]:
        """What is wider than the window."""
        wider = ours.evaluate(_WIDER)
        return [f"wider than its window: {wider}"] if wider else []

    def _picture(self, name: str, how: str) -> None:
        if PICTURES:
            folder = Path(PICTURES)
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"{name}-{self.kind.language}-{how}.png"
            self.page.screenshot(path=file, full_page=True)


def open_page(browser: Browser, kind: Kind) -> Page:
    """A tab that many readers have, one after the other: a new one takes a third of a second. There
    is nothing that it could remember of them."""
    width, height = WIDTHS[kind.width]
    context = browser.new_context(
        locale=kind.language,
        viewport={"width": width, "height": height},
        java_script_enabled=kind.scripts,
    )
    context.set_default_timeout(30_000)
    return context.new_page()
