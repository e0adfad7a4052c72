"""The references by which articles name assets, and the addresses of the pictures."""

from datetime import UTC, date, datetime

import pytest

from mailer import assets
from mailer.model.assets import PictureAsset

SHA256 = "3f" * 32
REFERENCE = f"asset:{SHA256}.jpg"
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def test_reference_becomes_address_of_rendition() -> None:
    assert assets.is_reference(REFERENCE)
    url = assets.resolve_url(REFERENCE, "https://mail.example.org/", 552)
    assert url == f"https://mail.example.org/pictures/{SHA256}-552.jpg"
    assert assets.parse_picture_name(url.rpartition("/")[2]) == (SHA256, 552, "jpg")
    web = "https://www.example.org/boat.jpg"
    assert assets.resolve_url(web, "https://mail.example.org") == web


def test_only_sources_of_pictures_are_resolved() -> None:
    html = f'<p>{REFERENCE} <img src="{REFERENCE}" alt="x"> <a href="{REFERENCE}">y</a></p>'
    resolved = assets.resolve_html(html, "")
    assert resolved.count(REFERENCE) == 2
    assert f'<img src="/pictures/{SHA256}-1104.jpg" alt="x">' in resolved
    assert assets.find_hashes(html, REFERENCE) == [SHA256]


@pytest.mark.parametrize(
    "name",
    ["", "x.jpg", f"{SHA256}-1103.jpg", f"{SHA256}-552.svg", f"{SHA256[1:]}-552.jpg",
     f"{SHA256}-552.jpg\n", f"{SHA256.upper()}-552.jpg"],
)  # fmt: skip
def test_other_names_are_no_pictures(name: str) -> None:
    assert assets.parse_picture_name(name) is None


def test_terms_end_after_their_last_day() -> None:
    asset = PictureAsset(
        SHA256, "boat.jpg", "image/jpeg", "jpg", 9, 9, 9,
        terms="for this campaign", terms_end=date(2026, 12, 17), created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    assert assets.describe_ended_terms([asset], date(2026, 12, 17)) == []
    (sentence,) = assets.describe_ended_terms([asset], date(2026, 12, 18))
    assert "boat.jpg" in sentence
    assert "17 Dec 2026" in sentence
    assert "for this campaign" in sentence
