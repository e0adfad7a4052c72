"""Move CSS into style attributes. This is the only module that imports premailer, which has not
been maintained since 2021.

Traps measured in 3.10: premailer by default drops ``!important``, which rules for phones and dark
mode need; it percent-encodes braces in URLs, so slots are opaque words; it crashes on nested
@media; it loses a lower-case doctype; it overwrites ``width="552"`` by the ``100%`` of a style, and
adds ``height="auto"``, so that Outlook shows pictures at their natural size.
"""

import logging
import os

from mailer.errors import ComposeError

_BASIC_ATTRIBUTES = ["align", "bgcolor", "height", "valign", "width"]
"""Attributes that premailer would set from styles, and must not: the templates set those that they
need."""


def inline_css(html: str, where: str) -> str:
    """Return `html` with its CSS rules inlined; all rules also stay in ``<style>``.

    The rules stay because style attributes can't express all of them. Nothing is fetched. Raises
    ComposeError if the CSS can't be inlined."""
    # premailer has one cache for selectors and style sheets. The default of 128 entries evicts the
    # style sheet each time, and parsing it is half of the work.
    os.environ.setdefault("PREMAILER_CACHE_MAXSIZE", "2000")
    from premailer import Premailer  # The import takes 0.2 s, and most commands don't need it.

    try:
        return str(
            Premailer(
                html,
                keep_style_tags=True,
                strip_important=False,
                allow_network=False,
                allow_loading_external_files=False,
                disable_validation=True,
                disable_basic_attributes=_BASIC_ATTRIBUTES,
                align_floating_images=False,
                cssutils_logging_level=logging.CRITICAL,
            ).transform()
        )
    except Exception as error:
        raise ComposeError(
            f"the CSS can't be inlined ({type(error).__name__}: {error})",
            where=where,
            hint="check the <style> block; @media must not be nested",
        ) from error
