"""Records of editions; the rules are in ``mailer/editions``."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from mailer import zones
from mailer.model.articles import Boilerplate, Image, Story
from mailer.model.assets import PictureAsset
from mailer.model.edition_states import (
    ArchiveVisibility,
    EditionKind,
    EditionRole,
    EditionState,
    InDoubtPolicy,
    Priority,
    SendTimeBasis,
)
from mailer.model.embargoes import Embargo
from mailer.model.lists import Frequency, MailingList, Topic
from mailer.model.segments import Filter
from mailer.model.senders import SenderIdentity
from mailer.schedules import local_time

MAX_STORIES = 62
"""The maximum number of stories, since a delivery's stories are bits of one signed 64-bit
integer."""


@dataclass(frozen=True, slots=True)
class SendAppointment:
    """The send time of an edition: `moment`, which is when clocks in `zone` show `wall` (naive). If
    the edition is sent in readers' time, each reader gets it at `wall` in their own zone, and
    `moment` is the first of those times."""

    moment: datetime
    wall: datetime
    zone: str
    send_time: SendTimeBasis = SendTimeBasis.OFFICE

    @property
    def own_moment(self) -> datetime:
        """When clocks in `zone` show `wall`. Lateness is counted from this moment, even if readers
        further east get the edition earlier."""
        return max(self.moment, local_time.to_utc(self.wall, zones.get_zone(self.zone)))


@dataclass(frozen=True, slots=True)
class SendDay:
    """The day on which an edition is sent, as its mails print it.

    `begun_at` is when sending began; until then it is None, and `now` stands for it in previews."""

    appointment: SendAppointment | None
    begun_at: datetime | None
    now: datetime

    def to_date(self, zone: str) -> date:
        """Return the day in the appointment's zone, or in `zone` if there is no appointment.

        An edition that readers get by their own clocks has the day of its appointment, although the
        first readers get the edition earlier. If sending began on a later day, the result is that
        day."""
        moment = self.begun_at or self.now
        if self.appointment is None:
            return moment.astimezone(zones.get_zone(zone)).date()
        own_zone = zones.get_zone(self.appointment.zone)
        appointed_day = local_time.to_utc(self.appointment.wall, own_zone).astimezone(own_zone)
        day = moment.astimezone(own_zone).date()
        if self.begun_at and self.appointment.send_time is SendTimeBasis.OFFICE:
            return day
        return max(appointed_day.date(), day)


@dataclass(frozen=True, slots=True)
class ChangeNote:
    """The text for recipients about the change of a correction or the reason for a kill, by
    language."""

    descriptions: Mapping[str, str]
    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NewEdition:
    """The settings of an edition to create. `stories` are slugs in order. `subject` may hold
    variables; if it is empty, the subject in the folder of `template` is used. The edition goes to
    members who chose `frequency`. `number` is its place among the editions of its digest; readers
    see it. `sender` names a sender in the settings; if it is empty, the edition is sent by its
    list's sender. `preheaders` are, by language, what inboxes show after the subject.
    `link_tags` are the digest's."""

    name: str
    list: str
    digest: str = ""
    segment: str = ""
    template: str = "digest"
    subject: str = ""
    language: str = "en"
    opening: Mapping[str, str] | None = None
    priority: Priority = Priority.NORMAL
    state: EditionState = EditionState.DRAFT
    reason: str = ""
    stories: tuple[str, ...] = ()
    kind: EditionKind = EditionKind.MAILING
    appointment: SendAppointment | None = None
    frequency: Frequency = Frequency.EVERY
    archive: ArchiveVisibility = ArchiveVisibility.PUBLIC
    role: EditionRole = EditionRole.PLAIN
    change: ChangeNote | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)
    number: int = 0
    sender: str = ""
    preheaders: Mapping[str, str] = field(default_factory=dict)
    link_tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Approval:
    """An approval: who approved which content (`content_hash`), and when. `approver` is a name to
    read; `approver_key` identifies the actor."""

    approver: str
    at: datetime
    content_hash: str
    comment: str = ""
    approver_key: str = ""


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition. `number` is its place among the editions of its digest, as readers see it, or 0
    if it belongs to none. `names` and `subjects` are translations of its name and subject, by
    language. `reason` says why it was skipped, put on hold, paused or returned to draft. `sender`
    names the sender that was chosen for it; `sender_identity` is the one that is frozen with its
    bodies, or None if it has none of its own.
    `opening` is the editor's text by language, in Markdown. `preheaders` are, by language, what
    inboxes show after the subject; they may hold variables, and a language without one gets the
    template's. `asked_at` is when approval was last
    requested; `last_notified_state` and `last_notified_hash` are the state and the content that
    staff were last notified of. `embargo_until` is the end of the embargo that its composed mails
    state, if any. `repeated_id` is the id of the edition that a repeat repeats.
    `pause_signatures` identify the refusals for which delivery has paused it. `urgent_reasons` say,
    by language, why it goes to all members whichever frequency they chose; if there are none, it
    goes to the members who chose `frequency`."""

    id: int
    uid: str
    name: str
    digest: str
    list: str
    segment: str
    template: str
    subject: str
    language: str
    opening: Mapping[str, str]
    state: EditionState
    reason: str
    in_doubt: InDoubtPolicy
    priority: Priority
    stories: tuple[str, ...]
    content_hash: str
    approval: Approval | None
    created_at: datetime
    planned_at: datetime | None
    finished_at: datetime | None
    kind: EditionKind = EditionKind.MAILING
    appointment: SendAppointment | None = None
    asked_at: datetime | None = None
    reminded_at: datetime | None = None
    last_notified_state: str = ""
    last_notified_hash: str = ""
    frequency: Frequency = Frequency.EVERY
    archive: ArchiveVisibility = ArchiveVisibility.PUBLIC
    role: EditionRole = EditionRole.PLAIN
    embargo_until: datetime | None = None
    change: ChangeNote | None = None
    pause_signatures: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)
    number: int = 0
    sender: str = ""
    sender_identity: SenderIdentity | None = None
    repeated_id: int | None = None
    urgent_reasons: Mapping[str, str] = field(default_factory=dict)
    preheaders: Mapping[str, str] = field(default_factory=dict)
    link_tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_urgent(self) -> bool:
        """Check whether the edition goes to all members, whichever frequency they chose."""
        return bool(self.urgent_reasons)

    def get_send_day(self, now: datetime) -> SendDay:
        """Return the day on which the edition is or was sent."""
        return SendDay(self.appointment, self.planned_at, now)


MESSAGE_TYPE = "message/rfc822"
"""The media type of a whole mail that is attached to another one."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file attached to a mail. The SHA-256 of its bytes identifies it; `size` is in bytes."""

    name: str
    media_type: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class EditionBody:
    """An edition's frozen body in one language, with slots (see ``mailer/message``).

    Each slot begins with `marker`, which does not occur in any text that people wrote. `stories`
    are the bits of the stories in this body. The `titles` of its stories, the `summary` and the
    `picture` of its first story are for lists of editions: they repeat parts of the body, and no
    approval covers them. `page` is a
    release's press page, as returned by ``PageTranslation.to_dict``."""

    language: str
    subject: str
    text: str
    html: str
    marker: str
    stories: int
    titles: tuple[str, ...] = ()
    summary: str = ""
    picture: Image | None = None
    attachments: tuple[Attachment, ...] = ()
    page: Mapping[str, Any] | None = None

    def compute_hash(self) -> str:
        """Return the SHA-256 over all parts of this body that appear in mails."""
        parts: list[Any] = [
            self.language,
            self.subject,
            self.text,
            self.html,
            self.marker,
            self.stories,
        ]
        if (
            self.attachments
        ):  # only if there are any: editions approved before attachments existed stay approved
            parts.append(
                [
                    (attachment.name, attachment.media_type, attachment.sha256)
                    for attachment in self.attachments
                ]
            )
        if self.page is not None:
            parts.append(self.page)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Manuscript:
    """Everything that composing needs, as plain records: the edition, its stories in their order,
    the topics, the languages that its readers want (including the edition's default language), the
    embargoes that are active on its stories, by slug, all boilerplates, the number of active
    members of its list who gave no name, the assets of its pictures, by hash, and sentences on
    those whose terms of use will have ended when it is sent."""

    edition: Edition
    stories: tuple[Story, ...]
    topics: tuple[Topic, ...]
    list: MailingList
    filter: Filter
    languages: tuple[str, ...]
    embargoes: Mapping[str, Embargo] = field(default_factory=dict)
    boilerplates: tuple[Boilerplate, ...] = ()
    nameless_readers: int = 0
    assets: Mapping[str, PictureAsset] = field(default_factory=dict)
    ended_terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EditionEvent:
    """One event in the history of an edition. `actor` is a name to read; `actor_key` identifies the
    actor."""

    at: datetime
    event_type: str
    actor: str
    detail: str
    actor_key: str = ""
