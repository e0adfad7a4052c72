"""Draws the README's pictures of the demo's mails: ``make pictures``.

Takes real messages of the demo out of var/demo/mail, opens them in the system's Chromium at the
width of a desktop's mail pane and of a phone, and writes PNGs to docs/pictures/. Pictures in the
mails are served from var/demo/media, nothing else is fetched.
"""

import email
import email.policy
import shutil
import sys
from email.message import EmailMessage
from pathlib import Path

from playwright.sync_api import Browser, Route, sync_playwright

DEMO = Path("var/demo")
OUT = Path("docs/pictures")
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip


def parts(file: Path) -> tuple[EmailMessage, str]:
    """A message, and its HTML."""
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    body = message.get_body(("html",))
    if body is None:
        raise SystemExit(f"{file} has no HTML part")
    return message, str(body.get_content())


def find(list_id: str, language: str, *, lead: str = "") -> str:
    """The HTML of the longest mail of a list in a language whose subject holds `lead`."""
    found = [
        html
        for file in sorted((DEMO / "mail").glob("*.eml"))
        for message, html in [parts(file)]
        if list_id in message["List-Id"]
        and f'lang="{language}"' in html[:600]
        and lead in message["Subject"]
    ]
    if not found:
        raise SystemExit(f"no mail of {list_id} in {language}: run `make demo` first")
    return max(found, key=len)


def serve(route: Route) -> None:
    """Pictures from the demo's media, and nothing else."""
    file = DEMO / "media" / route.request.url.rsplit("/", 1)[-1]
    if file.is_file():
        route.fulfill(path=file)
    else:
        route.abort()


def draw(
    browser: Browser, html: str, name: str, width: int, scheme: str = "light", height: int = 0
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": height or 900},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    page.route("**/*", serve)
    page.set_content(html)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=OUT / f"{name}.png", full_page=not height)
    context.close()


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("Chromium is needed to draw the pictures: apt install chromium")
    OUT.mkdir(parents=True, exist_ok=True)
    english, arabic = find("news.", "en"), find("news.", "ar")
    release = find("press.", "en")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=QUIET)
        draw(browser, english, "digest-desktop", 700, height=1300)
        draw(browser, english, "digest-phone", 375, height=1300)
        draw(browser, english, "digest-phone-dark", 375, "dark", height=1300)
        draw(browser, arabic, "digest-arabic", 375, height=1300)
        draw(browser, release, "press-release", 700, height=1300)
        browser.close()


if __name__ == "__main__":
    main()
