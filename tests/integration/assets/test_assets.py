"""Assets in the database: added, edited, used by articles, and removed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select

from mailer import articles, assets
from mailer.errors import InputError, NotFound, Refused
from mailer.intake.files import read_file
from mailer.model.articles import ArticleOutcome, Image
from mailer.model.assets import AssetChanges, AssetOutcome, Rendition
from mailer.releases.article_import import import_article
from mailer.store import SqlTransaction, Store, schema
from tests.actors import STAFF
from tests.integration.factories import DAY, NOW, make_content
from tests.pictures import draw_photo

ENGLISH = AssetChanges("en", alt="Boats", caption="At dusk", credit="A. Perera")


@dataclass(frozen=True)
class DecodedPicture:
    """A picture whose renditions were made before, so that no process is started."""

    content: bytes = b"boats"
    name: str = "boats.jpg"
    media_type: str = "image/jpeg"
    suffix: str = "jpg"
    width: int = 1600
    height: int = 900

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def make_renditions(self) -> Sequence[Rendition]:
        return [
            Rendition(1104, 1104, 621, "image/jpeg", self.content + b" wide"),
            Rendition(552, 552, 310, "image/jpeg", self.content + b" narrow"),
        ]


class UndecodablePicture(DecodedPicture):
    def make_renditions(self) -> Sequence[Rendition]:
        raise InputError("the picture is broken", where=self.name)


def count_files(tx: SqlTransaction) -> int:
    return tx.connection.scalar(select(func.count()).select_from(schema.file)) or 0


def test_asset_round_trip(store: Store) -> None:
    changes = replace(ENGLISH, terms="  for this\ncampaign ", terms_end=date(2027, 6, 30))
    with store.begin() as tx:
        asset, outcome = assets.add_asset(tx, STAFF, DecodedPicture(), NOW, changes)
    assert outcome is AssetOutcome.ADDED
    with store.read() as tx:
        assert assets.get_asset(tx, "boats.jpg") == asset
        assert assets.get_asset(tx, asset.sha256[:8]) == asset
        assert assets.get_asset(tx, asset.reference) == asset
        assert tx.assets.read_rendition(asset.sha256, 552, "jpg") == (
            "image/jpeg", b"boats narrow",
        )  # fmt: skip
        assert tx.assets.read_rendition(asset.sha256, 552, "png") is None
        with pytest.raises(NotFound):
            assets.get_asset(tx, "quay.jpg")
    assert (asset.alts, asset.terms, asset.terms_end) == (
        {"en": "Boats"}, "for this campaign", date(2027, 6, 30),
    )  # fmt: skip
    assert (asset.added_by, asset.created_at) == ("Staff", NOW)


def test_same_file_is_stored_and_decoded_once(store: Store) -> None:
    with store.begin() as tx:
        first, _ = assets.add_asset(tx, STAFF, DecodedPicture(), NOW, ENGLISH)
        again, outcome = assets.add_asset(tx, STAFF, UndecodablePicture(), NOW + DAY)
        assert (again, outcome) == (first, AssetOutcome.UNCHANGED)
        french = AssetChanges("fr", alt="Bateaux")
        changed, outcome = assets.add_asset(tx, STAFF, UndecodablePicture(), NOW + DAY, french)
        assert count_files(tx) == 3
    assert outcome is AssetOutcome.CHANGED
    assert changed.alts == {"en": "Boats", "fr": "Bateaux"}
    assert changed.credit == "A. Perera"


def test_picture_that_cannot_be_decoded_leaves_nothing(store: Store) -> None:
    with store.begin() as tx:
        with pytest.raises(InputError, match="is broken"):
            assets.add_asset(tx, STAFF, UndecodablePicture(), NOW, ENGLISH)
        assert tx.assets.list_assets() == []
        assert count_files(tx) == 0


def test_texts_are_removed_and_checked(store: Store) -> None:
    with store.begin() as tx:
        changes = replace(ENGLISH, terms_end=date(2027, 1, 1))
        asset, _ = assets.add_asset(tx, STAFF, DecodedPicture(), NOW, changes)
        emptied, _ = assets.edit_asset(
            tx, STAFF, asset, AssetChanges("en", caption="", removes_terms_end=True), NOW + DAY
        )
        assert (emptied.captions, emptied.terms_end) == ({}, None)
        assert emptied.updated_at == NOW + DAY
        for changes in (AssetChanges("en", alt="a\0b"), AssetChanges("en", credit="x" * 301)):
            with pytest.raises(InputError):
                assets.edit_asset(tx, STAFF, asset, changes, NOW)


def test_article_takes_missing_texts_from_its_asset(store: Store) -> None:
    with store.begin() as tx:
        asset, _ = assets.add_asset(tx, STAFF, DecodedPicture(), NOW, ENGLISH)
        content = make_content("boats", image=Image(asset.reference, ""))
        article, _ = articles.add_article(tx, STAFF, content, NOW)
        assert article.image == Image(asset.reference, "Boats", "A. Perera", "At dusk")
        french = make_content("boats", language="fr", image=Image(asset.reference, ""))
        with pytest.raises(InputError, match="no alt text in fr") as caught:
            articles.add_article(tx, STAFF, french, NOW)
        assert caught.value.next_steps
        own = replace(french, image=Image(asset.reference, "Bateaux"))
        translation, _ = articles.add_article(tx, STAFF, own, NOW)
        assert translation.image == Image(asset.reference, "Bateaux", "A. Perera")
        known_asset = assets.get_asset(tx, "boats.jpg")
        assert known_asset.alts == {"en": "Boats", "fr": "Bateaux"}


def test_unknown_asset_is_refused(store: Store) -> None:
    reference = f"asset:{'0' * 64}.jpg"
    with store.begin() as tx:
        for content in (
            make_content("boats", image=Image(reference, "Boats")),
            make_content("boats", body=f"![A boat]({reference})"),
        ):
            with pytest.raises(InputError, match="there is no asset 000000000000"):
                articles.add_article(tx, STAFF, content, NOW)


def test_reference_with_another_end_is_refused(store: Store) -> None:
    with store.begin() as tx:
        asset, _ = assets.add_asset(tx, STAFF, DecodedPicture(), NOW, ENGLISH)
        reference = f"asset:{asset.sha256}.png"
        for content, field in (
            (make_content("boats", image=Image(reference, "Boats")), "image"),
            (make_content("boats", body=f"![A]({asset.reference}) ![B]({reference})"), "body"),
        ):
            with pytest.raises(InputError, match=r"does not end in \.png") as caught:
                articles.add_article(tx, STAFF, content, NOW)
            assert caught.value.field == field
            assert caught.value.hint == f"write {asset.reference}"


def test_used_picture_is_never_removed(store: Store) -> None:
    with store.begin() as tx:
        asset, _ = assets.add_asset(tx, STAFF, DecodedPicture(), NOW, ENGLISH)
        other, _ = assets.add_asset(tx, STAFF, DecodedPicture(b"quay", "quay.jpg"), NOW, ENGLISH)
        content = make_content("boats", image=Image(asset.reference, ""))
        articles.add_article(tx, STAFF, content, NOW)
        articles.edit_article(tx, STAFF, "boats", "en", {"image": None}, NOW)
        with pytest.raises(Refused, match="boats"):
            assets.remove_asset(tx, STAFF, asset)
        with pytest.raises(Refused, match="the logo"):
            assets.remove_asset(tx, STAFF, other, logo=other.reference)
        assets.remove_asset(tx, STAFF, other)
        assert tx.assets.list_assets() == [asset]
        assert count_files(tx) == 3


def test_article_file_brings_its_pictures(store: Store, tmp_path: Path) -> None:
    (tmp_path / "boats.jpg").write_bytes(draw_photo())
    path = tmp_path / "boats.md"
    text = "---\ntitle: Boats\nimage: {file: boats.jpg, alt: Boats}\n---\n\n![Boats](boats.jpg)\n"
    path.write_text(text, "utf-8")
    with store.begin() as tx:
        for expected in (ArticleOutcome.ADDED, ArticleOutcome.UNCHANGED):
            file = read_file(path, NOW, language="en", time_zone="UTC")
            article, outcome = import_article(tx, STAFF, file, NOW)
            assert outcome is expected
        (asset,) = tx.assets.list_assets()
        assert (asset.name, asset.width, asset.alts) == ("boats.jpg", 1600, {"en": "Boats"})
        assert article.image
        assert article.image.url == asset.reference
        assert asset.reference in article.html
        assert tx.assets.find_users(asset.sha256) == ["boats"]
