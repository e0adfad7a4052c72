"""The page of states: which there are and where each may lead, from the tables in the code."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from generator.markdown import MeaningTable, format_page, format_table
from mailer.model.articles import ArticleState
from mailer.model.deliveries import DELIVERY_TRANSITIONS, DeliveryState, Exclusion
from mailer.model.edition_states import EDITION_TRANSITIONS, EditionState
from mailer.model.schedules import OCCURRENCE_TRANSITIONS, OccurrenceState
from mailer.model.signup import CONFIRMATION_TRANSITIONS, ConfirmationState
from mailer.model.subscribers import MembershipState


def build_page() -> str:
    return format_page(
        "States",
        "The word in the first column is what commands print, `--state` takes and the database "
        "holds. The\ncode checks these tables of transitions.",
        _describe_states("Edition", "edition", EditionState, EDITION_TRANSITIONS),
        _describe_states("Delivery", "delivery", DeliveryState, DELIVERY_TRANSITIONS),
        _describe_states("Occurrence", "occurrence", OccurrenceState, OCCURRENCE_TRANSITIONS),
        _describe_states(
            "Confirmation", "confirmation", ConfirmationState, CONFIRMATION_TRANSITIONS
        ),
        _describe_states("Article", "article", ArticleState, None),
        _describe_states("Membership", "membership", MembershipState, None),
        _describe_exclusions(),
    )


def _describe_states(
    title: str,
    noun: str,
    states: type[StrEnum],
    transitions: Mapping[Any, frozenset[Any]] | None,
) -> str:
    meanings = MeaningTable(f"{noun}_states")
    rows = []
    for state in states:
        row = [f"`{state.value}`", meanings.get_meaning(state.value)]
        if transitions is not None:
            row.append(_list_targets(states, transitions[state]))
        rows.append(row)
    meanings.check_all_used()
    header = ("state", "meaning", "may become")[: len(rows[0])]
    return f"## {title}\n\n{format_table(header, rows)}"


def _list_targets(states: type[StrEnum], targets: frozenset[Any]) -> str:
    return ", ".join(f"`{state.value}`" for state in states if state in targets) or "nothing"


def _describe_exclusions() -> str:
    meanings = MeaningTable("exclusions")
    rows = [(exclusion.value, meanings.get_meaning(exclusion.value)) for exclusion in Exclusion]
    meanings.check_all_used()
    return (
        "## Why a member gets no delivery\n\n"
        "`mailer edition report` counts these reasons, and `mailer explain` gives one as a "
        "sentence.\n\n" + format_table(("reason", "meaning"), rows)
    )
