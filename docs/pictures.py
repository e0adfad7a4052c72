"""Draws the README's pictures of the demo's mails and pages: ``make pictures``.

Takes real messages of the demo out of var/demo/mail, opens them in the system's Chromium at the
width of a desktop's mail pane and of a phone, and writes PNGs to docs/pictures/. The home page is
served by ``mailer serve``. Pictures in mails and pages come from var/demo/media, nothing else is
fetched.
"""

import email
import email.policy
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def serve_pages() -> Iterator[str]:
    """Serve the demo's pages, and yield their address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    program = Path(sys.executable).with_name("mailer").absolute()
    process = subprocess.Popen([program, "serve", "--port", str(port)], cwd=DEMO)  # noqa: S603  (our own)
    try:
        for _ in range(600):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def serve(route: Route) -> None:
    """Pictures from the demo's media, pages of this machine, and nothing else."""
    file = DEMO / "media" / route.request.url.rsplit("/", 1)[-1]
    if file.is_file():
        route.fulfill(path=file)
    elif route.request.url.startswith("http://127.0.0.1:"):
        route.continue_()
    else:
        route.abort()


def draw(
    browser: Browser,
    page_or_html: str,
    name: str,
    width: int,
    scheme: str = "light",
    height: int = 0,
    top: str = "",
) -> None:
    """Draw a mail or the page at an address. `top` is the first element that the picture shows."""
    context = browser.new_context(
        viewport={"width": width, "height": height or 900},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    page.route("**/*", serve)
    if page_or_html.startswith("http"):
        page.goto(page_or_html)
    else:
        page.set_content(page_or_html)
    page.wait_for_load_state("networkidle")
    if top:
        page.locator(top).first.evaluate("element => element.scrollIntoView()")
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
        draw(browser, english, "digest-stories", 700, height=1900, top=".section")
        draw(browser, english, "digest-phone", 390, height=1300)
        draw(browser, english, "digest-phone-dark", 390, "dark", height=1300)
        draw(browser, arabic, "digest-arabic", 390, height=1300)
        draw(browser, release, "press-release", 700, height=1300)
        with serve_pages() as address:
            draw(browser, f"{address}/", "home-page", 1280, height=1200)
        browser.close()


if __name__ == "__main__":
    main()
