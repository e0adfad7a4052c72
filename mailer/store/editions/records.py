"""The records of editions: their creation, changes, states, approvals and times."""

import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, update

from mailer.actor import Actor
from mailer.archive import build_search_text
from mailer.errors import ConcurrencyError
from mailer.model.edition_states import (
    ArchiveVisibility,
    EditionState,
    InDoubtPolicy,
    SendTimeBasis,
)
from mailer.model.editions import (
    Approval,
    Edition,
    EditionBody,
    NewEdition,
    SendAppointment,
)
from mailer.model.senders import SenderIdentity
from mailer.store import schema
from mailer.store.editions import revert
from mailer.store.editions.approvals import save_approval
from mailer.store.editions.finding import EditionFinder
from mailer.store.slug_lookup import find_id, get_inserted_id

_ENDED = (EditionState.SENT, EditionState.CANCELLED)


class EditionQueries(EditionFinder):
    """The part of ``EditionStore`` about states, approvals, times and events."""

    def create_edition(self, new: NewEdition, now: datetime, actor: Actor) -> Edition:
        result = self._db.execute(
            insert(schema.edition).values(
                uid=secrets.token_hex(8),
                name=new.name,
                digest_id=find_id(self._db, schema.digest, new.digest, "digest")
                if new.digest
                else None,
                list_id=find_id(self._db, schema.mailing_list, new.list, "list"),
                segment_id=find_id(self._db, schema.segment, new.segment, "segment")
                if new.segment
                else None,
                template=new.template,
                subject=new.subject,
                language=new.language,
                number=new.number,
                opening=dict(new.opening or {}),
                preheaders=dict(new.preheaders),
                names=dict(new.names),
                subjects=dict(new.subjects),
                state=new.state.value,
                reason=new.reason,
                in_doubt=InDoubtPolicy.RESEND.value,
                priority=new.priority.value,
                frequency=new.frequency.value,
                archive=new.archive.value,
                role=new.role.value,
                change=asdict(new.change) if new.change else None,
                sender=new.sender,
                link_tags=dict(new.link_tags),
                content_hash="",
                kind=new.kind.value,
                created_at=now,
                **_build_send_time_columns(new.appointment),
            )
        )
        edition_id = get_inserted_id(result)
        self._set_stories(edition_id, new.stories)
        self._insert_event(edition_id, new.state.value, new.reason, now, actor)
        return self._reload_edition(edition_id)

    def update_edition(self, edition: Edition, changed: Edition) -> Edition:
        """Write the fields that staff may change. The frozen bodies are deleted, so the edition
        must be composed again."""
        self._db.execute(
            update(schema.edition)
            .where(schema.edition.c.id == edition.id)
            .values(
                name=changed.name,
                subject=changed.subject,
                opening=dict(changed.opening),
                preheaders=dict(changed.preheaders),
                names=dict(changed.names),
                subjects=dict(changed.subjects),
                language=changed.language,
                in_doubt=changed.in_doubt.value,
                priority=changed.priority.value,
                archive=changed.archive.value,
                sender=changed.sender,
                urgent_reasons=dict(changed.urgent_reasons),
                segment_id=find_id(self._db, schema.segment, changed.segment, "segment")
                if changed.segment
                else None,
                content_hash="",
            )
        )
        self._db.execute(
            delete(schema.edition_body).where(schema.edition_body.c.edition_id == edition.id)
        )
        if changed.stories != edition.stories:
            self._set_stories(edition.id, changed.stories)
        return self._reload_edition(edition.id)

    def set_in_doubt_policy(self, edition: Edition, policy: InDoubtPolicy) -> Edition:
        """Write the rule for deliveries in doubt; the frozen bodies stay."""
        self._db.execute(
            update(schema.edition)
            .where(schema.edition.c.id == edition.id)
            .values(in_doubt=policy.value)
        )
        return self._reload_edition(edition.id)

    def set_state(
        self,
        edition: Edition,
        state: EditionState,
        now: datetime,
        actor: Actor,
        *,
        reason: str = "",
    ) -> Edition:
        """Write the state, if the table of transitions allows the change from the stored state.
        Otherwise another process has changed the state first, and ConcurrencyError is raised."""
        if state is EditionState.DRAFT:
            revert.revert_to_draft(self._db, edition.id, reason, now, actor)
            return self._reload_edition(edition.id)
        values: dict[str, Any] = {"state": state.value, "reason": reason}
        if state is not EditionState.PAUSED:
            values["finished_at"] = now if state in _ENDED else None
        result = self._db.execute(
            update(schema.edition)
            .where(
                schema.edition.c.id == edition.id,
                schema.edition.c.state.in_(revert.list_sources(state)),
            )
            .values(**values)
        )
        if result.rowcount == 0:
            raise ConcurrencyError(
                f"edition {edition.id} was changed by another process, and can't become {state}",
                hint="look at it again",
            )
        self._insert_event(edition.id, state.value, reason, now, actor)
        return self._reload_edition(edition.id)

    def freeze_edition(
        self,
        edition: Edition,
        bodies: Sequence[EditionBody],
        story_order: Sequence[str],
        content_hash: str,
        embargo_until: datetime | None = None,
        sender: SenderIdentity | None = None,
    ) -> Edition:
        """Save the composed bodies, and give each story its bit by its place in `story_order`.
        `embargo_until` is the end of the embargo that the bodies state, `sender` the identity that
        sends them."""
        self._db.execute(
            delete(schema.edition_body).where(schema.edition_body.c.edition_id == edition.id)
        )
        self._db.execute(
            insert(schema.edition_body),
            [
                {
                    "edition_id": edition.id,
                    "language": body.language,
                    "subject": body.subject,
                    "text": body.text,
                    "html": body.html,
                    "marker": body.marker,
                    "stories": body.stories,
                    "page": body.page,
                    "attachments": [asdict(one) for one in body.attachments],
                    "titles": list(body.titles),
                    "summary": body.summary,
                    "picture": asdict(body.picture) if body.picture else None,
                }
                for body in bodies
            ],
        )
        self._db.execute(
            insert(schema.edition_words),
            [
                {
                    "edition_id": edition.id,
                    "language": body.language,
                    "words": build_search_text(body),
                }
                for body in bodies
            ],
        )
        in_edition = schema.edition_story.c.edition_id == edition.id
        self._db.execute(update(schema.edition_story).where(in_edition).values(bit=None))
        for bit, slug in enumerate(story_order):
            self._db.execute(
                update(schema.edition_story)
                .where(in_edition, schema.edition_story.c.slug == slug)
                .values(bit=bit)
            )
        self._update_columns(
            edition,
            content_hash=content_hash,
            embargo_until=embargo_until,
            sender_identity=asdict(sender) if sender else None,
        )
        return self._reload_edition(edition.id)

    def save_approval(self, edition: Edition, approval: Approval) -> Edition:
        """Save an approval, and the words of the bodies that it covers."""
        save_approval(self._db, edition.id, approval)
        return self._reload_edition(edition.id)

    def set_send_time(self, edition: Edition, appointment: SendAppointment | None) -> Edition:
        """Set or remove the send time of an edition."""
        self._update_columns(edition, **_build_send_time_columns(appointment))
        return self._reload_edition(edition.id)

    def record_review_request(self, edition: Edition, now: datetime) -> Edition:
        """Record that approval was requested."""
        self._update_columns(edition, asked_at=now, reminded_at=now)
        return self._reload_edition(edition.id)

    def record_reminder(self, edition: Edition, now: datetime) -> None:
        """Record that the approvers were reminded."""
        self._update_columns(edition, reminded_at=now)

    def set_archive_visibility(self, edition: Edition, visibility: ArchiveVisibility) -> Edition:
        """Set whether an edition appears in the archive; its bodies stay as they are."""
        self._update_columns(edition, archive=visibility.value)
        return self._reload_edition(edition.id)

    def record_pause_signatures(self, edition: Edition, signatures: Sequence[str]) -> Edition:
        """Add the signatures of refusals because of which the edition is paused."""
        all_signatures = dict.fromkeys((*edition.pause_signatures, *signatures))
        self._update_columns(edition, pause_signatures=list(all_signatures))
        return self._reload_edition(edition.id)

    def mark_state_notified(self, edition: Edition) -> None:
        """Record that staff were notified of the edition's current state and content."""
        self._update_columns(
            edition,
            last_notified_state=edition.state.value,
            last_notified_hash=edition.content_hash,
        )

    def _update_columns(self, edition: Edition, **values: Any) -> None:
        self._db.execute(
            update(schema.edition).where(schema.edition.c.id == edition.id).values(**values)
        )

    def add_event(
        self, edition: Edition, event_type: str, detail: str, now: datetime, actor: Actor
    ) -> None:
        """Record an event of an edition that does not change its state."""
        self._insert_event(edition.id, event_type, detail, now, actor)

    def _insert_event(
        self, edition_id: int, event_type: str, detail: str, now: datetime, actor: Actor
    ) -> None:
        revert.insert_event(self._db, edition_id, event_type, detail, now, actor)

    def _reload_edition(self, edition_id: int) -> Edition:
        edition = self.find_edition(edition_id)
        assert edition is not None
        return edition


def _build_send_time_columns(appointment: SendAppointment | None) -> dict[str, Any]:
    if appointment is None:
        return {"send_at": None, "wall": "", "zone": "", "send_time": SendTimeBasis.OFFICE.value}
    return {
        "send_at": appointment.moment,
        "wall": f"{appointment.wall:%Y-%m-%dT%H:%M}",
        "zone": appointment.zone,
        "send_time": appointment.send_time.value,
    }
