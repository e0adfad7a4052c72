"""The steps that errors of embargoes offer are never refused themselves."""

import pytest

from mailer import embargoes
from mailer.app import Mailer
from mailer.errors import NextStep, Refused
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.releases.factories import MINUTE, get_current_minute, make_terms


@pytest.mark.parametrize("lifted", [True, False])
def test_other_embargo_in_file_offers_move_only_while_active(mailer: Mailer, lifted: bool) -> None:
    now = mailer.clock()
    with mailer.store.begin() as tx:
        factories.add_topics(tx, "health")
        factories.add_story(tx, "boats", "health")
        embargoes.set_embargo(
            tx, STAFF, "boats", make_terms(get_current_minute() + 60 * MINUTE), now
        )
        if lifted:
            embargoes.lift_embargo(tx, STAFF, "boats", now)
        later = make_terms(get_current_minute() + 90 * MINUTE)
        with pytest.raises(Refused, match="boats is embargoed until") as caught:
            embargoes.declare_embargo(tx, STAFF, "boats", later, now)
    time = f"{later.wall:%Y-%m-%d %H:%M}"
    step = NextStep("set_embargo", slug="boats", time=time, zone="UTC")
    assert caught.value.next_steps == (() if lifted else (step,))
