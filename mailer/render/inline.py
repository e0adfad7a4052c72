"""CSS into style attributes. The only import of premailer, which has been quiet since 2021.

Traps that we measured in 3.10: by default it drops ``!important``, which mobile and dark rules
need; it percent-encodes braces in URLs, so slots are opaque words; it crashes on nested @media; it
loses a lower-case doctype.
"""

import logging
import os

from mailer.errors import ComposeError


def inline_css(html: str, where: str) -> str:
    """`html` with its rules inlined, and kept in ``<style>`` for what can't be. Nothing is
    fetched. Raises ComposeError."""
    # One cache for selectors and style sheets, least often used first: of 128 entries a style sheet
    # is pushed out each time, and parsing it is half of the work.
    os.environ.setdefault("PREMAILER_CACHE_MAXSIZE", "2000")
    from premailer import Premailer  # a fifth of a second that most commands can do without

    try:
        return str(
            Premailer(
                html,
                keep_style_tags=True,
                strip_important=False,
                allow_network=False,
                allow_loading_external_files=False,
                disable_validation=True,
                cssutils_logging_level=logging.CRITICAL,
            ).transform()
        )
    except Exception as error:
        raise ComposeError(
            f"its CSS can't be inlined ({type(error).__name__}: {error})",
            where=where,
            hint="look at the <style> block; @media must not be nested",
        ) from error
