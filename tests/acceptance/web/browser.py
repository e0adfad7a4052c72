"""A reader with a browser, who checks each page against the rules of all pages."""

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
from mailer.web.public.page_languages import load_catalogue
from tests.acceptance.web import axe
from tests.acceptance.web.fixtures import ServedOffice

PICTURES = os.environ.get("PICTURES", "")
"""The folder for pictures of the pages. Without it no pictures are taken."""

EVERY_WIDTH = bool(os.environ.get("EVERY_WIDTH"))
"""Take each journey in every variant, and hold each state in each language against axe-core on a
phone and on a desktop, as `make proofs` does. Without it axe-core, which takes half of the time,
looks at each state once."""

WIDTHS = {"phone": (390, 844), "desktop": (1280, 800)}

NARROWEST = {"phone": 320, "desktop": 640}
"""Widths at which a page must not scroll sideways either: WCAG 2.2 §1.4.10 (Reflow), and the
width of a desktop at 200 % of zoom (§1.4.4)."""

_STATUS_MESSAGE = re.compile(r"the server responded with a status of 4\d\d")
"""Chromium's message about a page with such a status, which tests expect."""

_ABORTED_FAILURE = "net::ERR_ABORTED"
"""The failure of a request that Chromium cancels when its reader leaves the page, such as a logo
that is still loading. Requests that a policy blocks or a server refuses have other failures."""

_OVERFLOW_SCRIPT = """() => {
  const root = document.documentElement, wide = root.clientWidth;
  const out = [...document.body.querySelectorAll('*')].filter(element => {
    const box = element.getBoundingClientRect();
    return box.width > 1 && (box.right > wide + 1 || box.left < -1);
  });
  const tags = out.map(element => element.outerHTML.slice(0, 99)).join(' | ');
  return root.scrollWidth > wide || out.length
    ? `${root.scrollWidth} of ${wide} px: ${tags}`
    : '';
}"""


@dataclass(frozen=True)
class JourneyVariant:
    """The language and the browser of a test. Without scripts axe-core cannot run."""

    language: str
    width: str
    scripts: bool = True

    @property
    def name(self) -> str:
        return f"{self.language}-{self.width}{'' if self.scripts else '-no-scripts'}"


@dataclass
class BrowserReader:
    """A reader with an address and a network of their own."""

    office: ServedOffice
    variant: JourneyVariant
    page: Page
    address: str
    client: str
    complaints: list[str] = field(default_factory=list)
    """The browser's messages about the pages: blocked by policy, broken, not found."""

    def __post_init__(self) -> None:
        self.page.set_extra_http_headers({"X-Forwarded-For": self.client})
        self.page.on("console", self._record_console_message)
        self.page.on("pageerror", self._record_page_error)
        self.page.on("requestfailed", self._record_failed_request)

    def leave_site(self) -> None:
        """Release the tab for the next reader."""
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

    # ---- actions --------------------------------------------------------------------------------

    def open_path(self, path: str) -> None:
        """Open a page by its path, or by a link of a mail."""
        self.page.goto(path if path.startswith("http") else f"{self.office.url}{path}")

    def activate_button(self, form: str = "") -> None:
        """Press the button of the form whose action ends with `form`, or of the only form."""
        form_selector = f'form[action$="{form}"]' if form else "form"
        self.page.locator(f"main {form_selector} button").click()

    def send_sign_up(self, **fields: str) -> None:
        """Send a sign-up form without opening its page."""
        form: dict[str, str | float | bool] = {
            "list": "news",
            "language": self.variant.language,
            **fields,
        }
        url = f"{self.office.url}/subscribe"
        response = self.page.request.post(url, form=form, headers={"X-Forwarded-For": self.client})
        assert response.status == 200, response.text()

    def follow_link(self, path_end: str) -> None:
        """Follow the link in the page's main part whose address ends with `path_end`."""
        self.page.locator(f'main a[href$="{path_end}"]').click()

    # ---- checks ---------------------------------------------------------------------------------

    def translate_text(self, message: str) -> str:
        """Return the translation of a text of the pages."""
        return load_catalogue(self.variant.language).gettext(message)

    @property
    def status_message(self) -> Locator:
        """The page's success message, which screen readers read."""
        return self.page.locator("main [role=status]")

    @property
    def error_message(self) -> Locator:
        """The page's problem summary, which screen readers read at once."""
        return self.page.locator("main [role=alert]")

    def check_page(
        self, state: str, *, inner_frame: Frame | None = None, shows_mail: bool = False
    ) -> None:
        """Check the page against the rules of all pages, in light and dark. Each `state` is checked
        once in each language. `inner_frame` is our part of another site's page. A page that shows
        a mail has the mail's inline styles."""
        frame = inner_frame or self.page.main_frame
        where = f"{state}, {self.variant.name}, {self.page.url}"
        root = frame.locator("html")
        language = self.variant.language
        assert root.get_attribute("lang") == language, where
        assert root.get_attribute("dir") == languages.get_direction(language), where
        assert frame.locator("h1:not(.shown h1)").count() == 1, where
        inline_code = "script, [onclick]" if shows_mail else "script, [style], [onclick]"
        assert frame.locator(inline_code).count() == 0, where
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
        """Return the elements that are wider than the window."""
        overflow = frame.evaluate(_OVERFLOW_SCRIPT)
        return [f"wider than its window: {overflow}"] if overflow else []

    def _save_screenshot(self, name: str, mode: str) -> None:
        if PICTURES:
            folder = Path(PICTURES)
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"{name}-{self.variant.language}-{mode}.png"
            self.page.screenshot(path=file, full_page=True)


def open_tab(browser: Browser, variant: JourneyVariant) -> Page:
    """Open a tab that many readers use in turn, because opening one takes a third of a second. The
    pages store nothing in it."""
    width, height = WIDTHS[variant.width]
    context = browser.new_context(
        locale=variant.language,
        viewport={"width": width, "height": height},
        java_script_enabled=variant.scripts,
    )
    context.set_default_timeout(30_000)
    return context.new_page()
