"""Terms of use that have ended: staff see them before they approve an edition."""

from collections.abc import Iterable
from datetime import date

from mailer.model.assets import PictureAsset


def describe_ended_terms(assets: Iterable[PictureAsset], day: date) -> list[str]:
    """Return a sentence for each asset whose terms of use will have ended on `day`. The last day of
    the terms still belongs to them."""
    return [
        f"the picture {asset.name} ({asset.sha256[:12]}) may be used until "
        f"{asset.terms_end:%d %b %Y} only" + (f": {asset.terms}" if asset.terms else "")
        for asset in assets
        if asset.terms_end is not None and asset.terms_end < day
    ]
