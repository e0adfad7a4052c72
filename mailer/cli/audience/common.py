"""What these commands share."""

from typing import Annotated

import typer

Slug = Annotated[str, typer.Argument(help="Small letters, digits and hyphens.")]
