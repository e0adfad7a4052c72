"""The pictures of assets, by the hash of the original file and the width of the rendition.

An address never changes its content, so that mail programs, proxies and browsers keep it for a
year. Only renditions are served, never an original.
"""

from fastapi import HTTPException, Request, Response

from mailer import assets
from mailer.web.public.public_site import get_site

PICTURE_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""Headers of every picture. Webmail shows pictures within pages of its own site."""


def show_picture(request: Request, name: str) -> Response:
    """Return a rendition. The answer to a browser that has the picture holds no picture."""
    parts = assets.parse_picture_name(name)
    if parts is None:
        raise HTTPException(404)
    etag = f'"{name}"'
    with get_site(request).mailer.store.read() as tx:
        rendition = tx.assets.read_rendition(*parts)
    if rendition is None:
        raise HTTPException(404)
    headers = PICTURE_HEADERS | {"ETag": etag}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    media_type, content = rendition
    return Response(content, media_type=media_type, headers=headers)
