"""The settings of a digest: valid values, in one spelling."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import digests
from mailer.errors import InputError, NotFound
from mailer.model.editions import MAX_STORIES
from tests.actors import STAFF
from tests.fakes import make_transaction
from tests.unit.digests.factories import SETTINGS, FakeDigestStore
from tests.unit.samples import DAY, NOW


@given(st.integers(-1, 70), st.integers(-1, 70))
def test_digest_story_limits_are_one_to_sixty_two(fewest: int, most: int) -> None:
    order = replace(SETTINGS, fewest=fewest, most=most)
    if 1 <= fewest <= most <= MAX_STORIES:
        assert digests.check_settings(order) == order
    else:
        with pytest.raises(InputError, match="is not possible"):
            digests.check_settings(order)


@pytest.mark.parametrize(
    ("fields", "where"),
    [({"slug": "The week"}, "slug"), ({"name": " "}, "name"), ({"subject": "a\0b"}, "subject")],
)
def test_invalid_digest_settings_name_field(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError) as caught:
        digests.check_settings(replace(SETTINGS, **fields))
    assert caught.value.field == where


def test_template_of_digest_must_exist() -> None:
    tx = make_transaction(digests=FakeDigestStore())
    nowhere = replace(SETTINGS, template="nosuch")
    with pytest.raises(InputError, match="there is no template 'nosuch'; use digest, or"):
        digests.add_digest(tx, STAFF, nowhere, NOW, templates={"digest"})
    digests.add_digest(tx, STAFF, SETTINGS, NOW, templates={"digest"})
    with pytest.raises(InputError, match="there is no template 'nosuch'"):
        digests.edit_digest(tx, STAFF, "weekly", {"template": "nosuch"}, NOW, templates={"digest"})


def test_digest_is_added_once_and_edited() -> None:
    desk = FakeDigestStore()
    added = digests.add_digest(
        make_transaction(digests=desk),
        STAFF,
        replace(SETTINGS, language="EN-gb", topics=("a", "b", "a")),
        NOW,
    )
    assert (added.settings.language, added.settings.topics) == ("en-GB", ("a", "b"))
    with pytest.raises(InputError, match="there is a digest 'weekly' already"):
        digests.add_digest(make_transaction(digests=desk), STAFF, SETTINGS, NOW)
    assert (
        digests.edit_digest(make_transaction(digests=desk), STAFF, "weekly", {}, NOW + DAY) is added
    )
    edited = digests.edit_digest(
        make_transaction(digests=desk), STAFF, "weekly", {"most": 5}, NOW + DAY
    )
    assert (edited.settings.most, edited.updated_at) == (5, NOW + DAY)
    with pytest.raises(NotFound, match="there is no digest 'daily'"):
        digests.get_digest(make_transaction(digests=desk), "daily")
