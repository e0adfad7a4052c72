"""Style sheets and icons of the public pages, including the style sheet with the office's
colour."""

from functools import lru_cache
from importlib import resources

from fastapi import HTTPException, Request, Response

from mailer.config import Settings
from mailer.render import colours
from mailer.web.public.public_site import get_site

CSS_TYPE = "text/css; charset=utf-8"
SVG_TYPE = "image/svg+xml"
STATIC_FILES = {
    "public.css": CSS_TYPE,
    "decide.css": CSS_TYPE,
    "public.svg": SVG_TYPE,
    "chevron.svg": SVG_TYPE,
}
"""Media types by file name, in ``mailer/web/static``."""
HOUSE_STYLE = "house.css"
STATIC_HEADERS = {
    "Cache-Control": "public, max-age=3600",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def show_static_file(request: Request, name: str) -> Response:
    if name == HOUSE_STYLE:
        style = build_house_style(get_site(request).settings)
        return Response(style, media_type=CSS_TYPE, headers=STATIC_HEADERS)
    if name not in STATIC_FILES:
        raise HTTPException(404)
    return Response(read_static_file(name), media_type=STATIC_FILES[name], headers=STATIC_HEADERS)


@lru_cache(maxsize=len(STATIC_FILES))
def read_static_file(name: str) -> bytes:
    return (resources.files("mailer.web") / "static" / name).read_bytes()


def build_house_style(settings: Settings) -> str:
    """Return the style sheet with the office's colour, for light and for dark."""
    accent = settings.organisation.accent
    if not colours.is_readable(accent):
        accent = type(settings.organisation)().accent
    dark_accent = colours.find_lighter_tint(accent)
    band = colours.find_band(accent, colours.LIGHT_BACKGROUND)
    dark_band = colours.find_band(dark_accent, colours.DARK_BACKGROUND)
    return (
        f":root {{ --accent: {accent}; --on-accent: #ffffff; --band: {band}; --block: {accent} }}\n"
        "@media (prefers-color-scheme: dark) "
        f"{{ :root {{ --accent: {dark_accent}; --on-accent: #1c1f24; --band: {dark_band} }} }}\n"
    )
