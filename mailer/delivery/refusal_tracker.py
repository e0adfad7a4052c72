"""Count the refusals of an edition's messages, and decide when it pauses.

Pure: no clock, no I/O. A refusal that speaks of the recipient settles that recipient and is not
counted. A refusal that speaks of this office, or of the message, settles no recipient: the delivery
is put off, and the edition pauses when such refusals add up. A refusal that can't be judged fails
for now; if the same one comes for recipients of several domains, and the relay accepts little in
between, it is taken to speak of this office, the edition pauses, and all recipients with it are
queued again. So it is if only the codes are the same, but more often.

A pause counts once. If a person resumes the edition, unjudged refusals of the same kind are the
recipients' own from then on, and a recipient who was queued again and is refused alike fails.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from mailer.delivery.refusal_codes import RefusalSubject
from mailer.delivery.refusals import RefusalJudgement, hide_address, judge_refusal
from mailer.delivery.replies import Reply
from mailer.model.deliveries import Claim, DeliveryState

MIN_ALIKE = 5
"""Refusals alike, with nothing accepted in between, after which an edition pauses."""

MIN_ALIKE_AFTER_ACCEPTANCES = 10
"""The same for unjudged refusals, if the run has had :data:`MANY_ACCEPTANCES`."""

MIN_ALIKE_BY_CODE = 15
"""The same for unjudged refusals that have only their codes in common: some servers put words into
each text that can't be told from identifiers."""

MANY_ACCEPTANCES = 50

SHARE_WINDOW = 20
"""Refusals over which their share is measured. An edition pauses if a quarter of the messages were
refused for our reasons, or half of them with the same unjudged reply."""

MAX_SENDER_REFUSALS = 40
"""Refusals for our reasons after which an edition pauses, however many messages are accepted. With
those in flight there are fewer than 50."""

PUT_OFF_DELAY = 900.0
"""Seconds until a delivery is due again that was refused for our reasons."""

MAX_SIGNATURES = 500
"""Signatures of unjudged refusals that are counted at the same time."""

MAX_DEFERRED_SERVICE_ATTEMPTS = {RefusalSubject.UNKNOWN: 4, RefusalSubject.SENDER: 12}
"""Attempts, 45 minutes and a day apart from the last to the first, after which a service mail that
was refused for our reasons fails."""


@dataclass(frozen=True, slots=True)
class PauseCause:
    """The refusals that an edition pauses for. `signatures` are those of the deliveries to queue
    again."""

    signatures: tuple[str, ...]
    reason: str


@dataclass(slots=True)
class _AlikeRefusals:
    """Refusals with the same signature, or all for our reasons. `acceptance_marks` are the numbers
    of messages accepted before each of the last ones."""

    judgement: RefusalJudgement
    reply_text: str
    count: int = 0
    domains: set[str] = field(default_factory=set)
    acceptance_marks: deque[int] = field(default_factory=lambda: deque(maxlen=SHARE_WINDOW))

    def add_refusal(self, domain: str, accepted_count: int) -> None:
        self.count += 1
        if len(self.domains) < 2:
            self.domains.add(domain)
        self.acceptance_marks.append(accepted_count)

    def is_streak(self, length: int, accepted_count: int) -> bool:
        """Check that nothing was accepted since the last `length` refusals began."""
        marks = self.acceptance_marks
        return len(marks) >= length and marks[-length] == accepted_count

    def is_share(self, accepted_per_refusal: int, accepted_count: int) -> bool:
        """Check that at most so many messages were accepted per refusal, over the last ones."""
        marks = self.acceptance_marks
        is_full = len(marks) == SHARE_WINDOW
        return is_full and accepted_count - marks[0] <= accepted_per_refusal * SHARE_WINDOW


class RefusalTracker:
    """The refusals of one edition in one run. The connections' thread writes here; the ledger's
    thread reads, and calls :meth:`confirm_single_domain`.

    `resumed_signatures` are those that the edition was paused for before. A tracker that may not
    pause belongs to an edition of service mails, whose recipients have nothing to do with each
    other: a stranger who signs up with addresses that refuse us must not stop the others."""

    def __init__(self, resumed_signatures: tuple[str, ...] = (), *, may_pause: bool = True) -> None:
        self._resumed_signatures = frozenset(resumed_signatures)
        self.may_pause = may_pause
        self.accepted_count = 0
        self.pause: PauseCause | None = None
        self.single_domain = ""
        """The domain of refusals alike that all came from one domain: they count if the edition
        goes to no other."""
        self._single_domain_signature = ""
        self._single_domain_checked: set[str] = set()
        self._for_our_reasons: _AlikeRefusals | None = None
        self._our_signatures: dict[str, None] = {}
        self._unjudged: dict[str, _AlikeRefusals] = {}
        self._unjudged_by_code: dict[str, _AlikeRefusals] = {}
        self._signatures_by_code: dict[str, dict[str, None]] = {}

    @property
    def is_suspicious(self) -> bool:
        """True if the edition is about to pause, or its ledger has to decide that first."""
        return self.pause is not None or bool(self.single_domain)

    # ---- for connections ------------------------------------------------------------------------

    def note_refusal(self, claim: Claim, reply: Reply) -> None:
        """Count a refusal. Sets `pause` if the edition is to pause."""
        if not self.may_pause or self.pause is not None:
            return
        judgement = judge_refusal(reply, claim.address)
        domain = claim.address.rpartition("@")[2].casefold()
        match judgement.subject:
            case RefusalSubject.RECIPIENT:
                return
            case RefusalSubject.UNKNOWN:
                self._note_unjudged(judgement, claim, reply, domain)
            case _:
                self._note_our_refusal(judgement, claim, reply, domain)

    def _note_our_refusal(
        self, judgement: RefusalJudgement, claim: Claim, reply: Reply, domain: str
    ) -> None:
        if self._for_our_reasons is None:
            reply_text = hide_address(str(reply), claim.address)
            self._for_our_reasons = _AlikeRefusals(judgement, reply_text)
        refusals, accepted_count = self._for_our_reasons, self.accepted_count
        if claim.requeued_for == judgement.signature:
            refusals.count += 1  # it fails; a person wanted it to be tried again
        else:
            refusals.add_refusal(domain, accepted_count)
        self._our_signatures[judgement.signature] = None
        if (
            refusals.is_streak(MIN_ALIKE, accepted_count)
            or refusals.is_share(3, accepted_count)
            or refusals.count >= MAX_SENDER_REFUSALS
        ):
            self.pause = self.describe_put_off()

    def _note_unjudged(
        self, judgement: RefusalJudgement, claim: Claim, reply: Reply, domain: str
    ) -> None:
        signature = judgement.signature
        if signature in self._resumed_signatures or claim.requeued_for == signature:
            return
        accepted_count = self.accepted_count
        refusals = _count_alike(self._unjudged, signature, judgement, claim, reply)
        refusals.add_refusal(domain, accepted_count)
        has_many = accepted_count >= MANY_ACCEPTANCES
        min_streak = MIN_ALIKE_AFTER_ACCEPTANCES if has_many else MIN_ALIKE
        has_streak = refusals.is_streak(min_streak, accepted_count)
        if not (has_streak or refusals.is_share(1, accepted_count)):
            self._note_codes(judgement, claim, reply, domain)
        elif len(refusals.domains) > 1:
            self.pause = _describe_pause(refusals, (signature,))
        elif signature not in self._single_domain_checked:
            self.single_domain, self._single_domain_signature = domain, signature

    def _note_codes(
        self, judgement: RefusalJudgement, claim: Claim, reply: Reply, domain: str
    ) -> None:
        """Count an unjudged refusal by its codes alone, whatever its words are."""
        codes = judgement.code_signature
        if codes in self._resumed_signatures:
            return
        refusals = _count_alike(self._unjudged_by_code, codes, judgement, claim, reply)
        refusals.add_refusal(domain, self.accepted_count)
        signatures = self._signatures_by_code.setdefault(codes, {})
        if len(signatures) < MAX_SIGNATURES:
            signatures[judgement.signature] = None
        has_streak = refusals.is_streak(MIN_ALIKE_BY_CODE, self.accepted_count)
        if has_streak and len(refusals.domains) > 1:
            self.pause = _describe_pause(refusals, (codes, *signatures))

    # ---- for the ledger -------------------------------------------------------------------------

    def confirm_single_domain(self, *, has_other_domains: bool) -> None:
        """Decide about refusals alike from one domain. They speak of that domain if the edition
        also goes to others; otherwise it pauses."""
        refusals = self._unjudged.get(self._single_domain_signature)
        if not has_other_domains and refusals is not None and self.pause is None:
            self.pause = _describe_pause(refusals, (self._single_domain_signature,))
        self._single_domain_checked.add(self._single_domain_signature)
        self.single_domain = ""

    def describe_put_off(self) -> PauseCause | None:
        """Describe the refusals for our reasons, whose recipients were put off; None if there are
        none."""
        if self._for_our_reasons is None:
            return None
        return _describe_pause(self._for_our_reasons, tuple(self._our_signatures))

    def select_requeued(self, pause_signatures: Sequence[str]) -> list[str]:
        """Return the signatures whose deliveries are queued again once the edition is paused for
        `pause_signatures`, by this worker or another. Those of earlier pauses are not, unless they
        speak of this office."""
        new_signatures = [
            signature for signature in pause_signatures if signature not in self._resumed_signatures
        ]
        return list(dict.fromkeys([*new_signatures, *self._our_signatures]))

    def choose_state(self, claim: Claim, judgement: RefusalJudgement) -> DeliveryState:
        """Return whether a refused delivery failed, or is put off (queued)."""
        subject, signature = judgement.subject, judgement.signature
        if not self.may_pause and subject is not RefusalSubject.RECIPIENT:
            attempt_limit = MAX_DEFERRED_SERVICE_ATTEMPTS.get(
                subject, MAX_DEFERRED_SERVICE_ATTEMPTS[RefusalSubject.SENDER]
            )
            is_final = claim.attempt >= attempt_limit
        elif subject in (RefusalSubject.RECIPIENT, RefusalSubject.UNKNOWN):
            is_final = True
        else:
            is_final = claim.requeued_for == signature
        return DeliveryState.FAILED if is_final else DeliveryState.QUEUED


def _count_alike(
    counters: dict[str, _AlikeRefusals],
    signature: str,
    judgement: RefusalJudgement,
    claim: Claim,
    reply: Reply,
) -> _AlikeRefusals:
    """Return the counter of a signature, which may be new. The oldest counter makes room for it."""
    refusals = counters.get(signature)
    if refusals is None:
        if len(counters) >= MAX_SIGNATURES:
            del counters[next(iter(counters))]
        refusals = _AlikeRefusals(judgement, hide_address(str(reply), claim.address))
        counters[signature] = refusals
    return refusals


def _describe_pause(refusals: _AlikeRefusals, signatures: tuple[str, ...]) -> PauseCause:
    count = refusals.count
    subject = "1 recipient was" if count == 1 else f"{count} recipients were"
    judgement = refusals.judgement
    return PauseCause(
        signatures,
        f"{subject} refused alike ({refusals.reply_text}): {judgement.meaning}; {judgement.advice}",
    )
