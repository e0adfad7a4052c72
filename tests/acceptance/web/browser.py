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
from mailer.web.public.site import load_catalogue
from tests.acceptance.web import axe
from tests.acceptance.web.fixtures import ServedOffice

PICTURES = os.environ.get("PICTURES", "")
"""The folder that pictures of the pages go to; none are made without it."""

EVERY_WIDTH = bool(os.environ.get("EVERY_WIDTH"))
"""Go each journey in every variant, and hold each state in each language against axe-core on a
phone and on a desktop, as `make proofs` does. Without it axe-core, which takes half of the time,
looks at each state once."""

WIDTHS = {"phone": (390, 844), "desktop": (1280, 800)}

NARROWEST = {"phone": 320, "desktop": 640}
"""At which nothing may have to be scrolled sideways either: WCAG 2.2 §1.4.10 (Reflow), and what
200 % of zoom (§1.4.4) leaves of a desktop's width."""

_STATUS_MESSAGE = re.compile(r"the server responded with a status of 4\d\d")
"""Chromium's note on a page with such a status: those are meant."""

_ABORTED_FAILURE = "net::ERR_ABORTED"
"""What Chromium gives up itself when its reader goes on, such as a logo that is not drawn yet. What
a policy blocks, or a server fails to answer, it calls otherwise."""

_OVERFLOW_SCRIPT = """() => {
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
class JourneyVariant:
    """How a journey is gone. Without scripts axe-core, which is one, can't look."""

    language: str
    width: str
    scripts: bool = True

    @property
    def name(self) -> str:
        return f"{self.language}-{self.width}{'' if self.scripts else '-no-scripts'}"


@dataclass
class BrowserReader:
    """`address` is theirs alone, and so is the network that they come from."""

    office: ServedOffice
    variant: JourneyVariant
    page: Page
    address: str
    client: str
    complaints: list[str] = field(default_factory=list)
    """What the browser said of the pages: refused by their policy, broken, not found."""

    def __post_init__(self) -> None:
        self.page.set_extra_http_headers({"X-Forwarded-For": self.client})
        self.page.on("console", self._record_console_message)
        self.page.on("pageerror", self._record_page_error)
        self.page.on("requestfailed", self._record_failed_request)

    def leave_site(self) -> None:
        """They leave; the tab is the next one's."""
        self.page.remove_listener("console", self._record_console_message)
        self.page.remove_listener("pageerror", self._record_page_error)
        self.page.remove_listener("requestfailed", self._record_failed_request)
        self.page.goto("about:blank")
        self.office.erase_person(self.address)

    def _record_console_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not _STATUS_MESSAGE.search(message.text):
            self.complaints.append(message.text)

    def _record_page_error(self, error: Error) -> None:
        self.complaints.append(str(error))

    def _record_failed_request(self, request: Request) -> None:
        if request.failure != _ABORTED_FAILURE:
            self.complaints.append(f"{request.url}: {request.failure}")

    # ---- what people do -------------------------------------------------------------------------

    def open_path(self, path: str) -> None:
        """A page by its path, or by the whole address that a mail gave."""
        self.page.goto(path if path.startswith("http") else f"{self.office.url}{path}")

    def activate_button(self, form: str = "") -> None:
        """The button of the form whose address ends so, or of the page's only one."""
        form_selector = f'form[action$="{form}"]' if form else "form"
        self.page.locator(f"main {form_selector} button").click()

    def send_sign_up(self, **fields: str) -> None:
        """A sign-up form, without looking at its page."""
        form: dict[str, str | float | bool] = {
            "list": "news",
            "language": self.variant.language,
            **fields,
        }
        url = f"{self.office.url}/subscribe"
        response = self.page.request.post(url, form=form, headers={"X-Forwarded-For": self.client})
        assert response.status == 200, response.text()

    def follow_link(self, path_end: str) -> None:
        """The link of the page's own part whose address ends so."""
        self.page.locator(f'main a[href$="{path_end}"]').click()

    # ---- what they see --------------------------------------------------------------------------

    def translate_text(self, message: str) -> str:
        """How pages say it in their language."""
        return load_catalogue(self.variant.language).gettext(message)

    @property
    def status_message(self) -> Locator:
        """What the page says has happened, which screen readers read out."""
        return self.page.locator("main [role=status]")

    @property
    def error_message(self) -> Locator:
        """What the page says is wrong, which screen readers read out at once."""
        return self.page.locator("main [role=alert]")

    def check_page(self, state: str, *, inner_frame: Frame | None = None) -> None:
        """Hold the page against all that holds for each, in light and dark; `name` is the state
        that it is in, which is looked at once in each language. `frame`: the part of it that is
        ours, where another site's page frames it."""
        frame = inner_frame or self.page.main_frame
        where = f"{state}, {self.variant.name}, {self.page.url}"
        root = frame.locator("html")
        language = self.variant.language
        assert root.get_attribute("lang") == language, where
        assert root.get_attribute("dir") == languages.get_direction(language), where
        assert frame.locator("h1").count() == 1, where
        assert frame.locator("script, [style], [onclick]").count() == 0, where
        assert not self.complaints, f"{where}\n" + "\n".join(self.complaints)
        checked_states = self.office.checked_states
        if self.variant.scripts and (state, language) not in checked_states:
            is_new_state = state not in {checked_state for checked_state, _ in checked_states}
            checked_states.add((state, language))
            problems = [
                f"at {width}: {problem}"
                for width in self._widths
                for problem in self._find_problems(
                    frame, state, width, run_axe=EVERY_WIDTH or is_new_state
                )
            ]
            self._set_viewport(self.variant.width)
            assert not problems, f"{where}\n" + "\n".join(problems)

    @property
    def _widths(self) -> list[str]:
        return [*WIDTHS] if EVERY_WIDTH or PICTURES else [self.variant.width]

    def _find_problems(self, frame: Frame, name: str, width: str, *, run_axe: bool) -> list[str]:
        self._set_viewport(width, NARROWEST[width])
        problems = self._find_overflow(frame)
        self._set_viewport(width)
        problems += self._find_overflow(frame)
        if run_axe:
            problems += axe.find_violations(frame)
        self._save_screenshot(name, width)
        if width == "phone" and (run_axe or PICTURES):
            self.page.emulate_media(color_scheme="dark")
            problems += [
                f"in dark mode {finding}"
                for finding in axe.find_violations(frame, rule=axe.CONTRAST)
            ]
            self._save_screenshot(name, "dark")
            self.page.emulate_media(color_scheme="light")
        return problems

    def _set_viewport(self, size: str, narrow: int = 0) -> None:
        width, height = WIDTHS[size]
        self.page.set_viewport_size({"width": narrow or width, "height": height})

    def _find_overflow(self, frame: Frame) -> list[str]:
        """What is wider than the window."""
        overflow = frame.evaluate(_OVERFLOW_SCRIPT)
        return [f"wider than its window: {overflow}"] if overflow else []

    def _save_screenshot(self, name: str, mode: str) -> None:
        if PICTURES:
            folder = Path(PICTURES)
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"{name}-{self.variant.language}-{mode}.png"
            self.page.screenshot(path=file, full_page=True)


def open_tab(browser: Browser, variant: JourneyVariant) -> Page:
    """A tab that many readers have, one after the other: a new one takes a third of a second. There
    is nothing that it could remember of them."""
    width, height = WIDTHS[variant.width]
    context = browser.new_context(
        locale=variant.language,
        viewport={"width": width, "height": height},
        java_script_enabled=variant.scripts,
    )
    context.set_default_timeout(30_000)
    return context.new_page()
