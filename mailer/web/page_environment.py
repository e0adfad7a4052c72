"""The Jinja2 environment of pages: the public ones and those of the inbox."""

from importlib import resources
from typing import Any

import jinja2


def create_page_environment(folder_name: str, **options: Any) -> jinja2.Environment:
    """Create an environment for the templates in a folder of ``mailer/web/templates``. `options`
    are further arguments of Jinja2's environment."""
    folder = resources.files("mailer.web") / "templates" / folder_name

    def load_template(name: str) -> str | None:
        try:
            return (folder / name).read_text("utf-8")
        except FileNotFoundError:
            return None

    return jinja2.Environment(
        loader=jinja2.FunctionLoader(load_template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **options,
    )
