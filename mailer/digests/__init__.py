"""Digests: recurring editions, each with queued stories that the digest has not run yet.

settings.py         the settings of a digest, and their checks
story_choice.py     the choice of stories for the next edition
schedules.py        schedules and blackouts
calendar.py         occurrences with the decisions of staff, and the steps due at a moment
run_ups.py          share the stories of the editions around an observance
occurrence_texts.py texts written ahead for the edition of an occurrence
text_moves.py       keep these texts with their days when a schedule changes
due_occurrences.py  the step of the clock at an occurrence
immediate.py        the step of the clock for immediate digests, which have no schedule
occurrences.py      move, skip or restore an occurrence, or send it now
"""

from mailer.digests.due_occurrences import assemble_occurrence, claim_step
from mailer.digests.immediate import assemble_immediate_edition, list_due_digests
from mailer.digests.occurrence_texts import explain_unused_texts, write_occurrence_text
from mailer.digests.settings import add_digest, check_settings, edit_digest, get_digest
from mailer.digests.story_choice import assemble_edition, choose_stories

__all__ = [
    "add_digest",
    "assemble_edition",
    "assemble_immediate_edition",
    "assemble_occurrence",
    "check_settings",
    "choose_stories",
    "claim_step",
    "edit_digest",
    "explain_unused_texts",
    "get_digest",
    "list_due_digests",
    "write_occurrence_text",
]
