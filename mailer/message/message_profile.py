"""The values that all messages of an edition share, and the links in them."""

from dataclasses import dataclass

from mailer import tokens
from mailer.audience.links import LinkPurpose
from mailer.message.counted_links import parse_counted_link
from mailer.message.personal_values import LINK_PAGES, Recipient
from mailer.message.slots import Slot
from mailer.model.edition_states import EditionKind
from mailer.model.editions import Edition, SendDay
from mailer.model.senders import SenderIdentity
from mailer.staff_links import join_token_fields
from mailer.tokens import LinkKeys

TEST_PAGES = "t"
"""The beginning of the paths to which all personal links of a test mail lead."""


COUNTED_PAGE = "r"
"""The path of the page that counts a click and redirects to the link's target."""


@dataclass(frozen=True, slots=True)
class MessageProfile:
    """The values that all messages of an edition share: the sender, the list, the link targets.

    Without a `list_slug`, the messages belong to no list. Such messages state that a program wrote
    them (``Auto-Submitted``, RFC 3834 §5) and have no list fields, except that a welcome mail
    offers to unsubscribe.

    `list_domain` is the domain of the list's identifier (RFC 2919), which does not depend on the
    sender. `keys` signs links, and `list_id` is the id of the list's record. If
    `unsubscribe_address` is set, a list's messages offer that address too. If `send_day` is None,
    the day of sending is the day on which the edition started. All values have been checked before,
    so nothing here raises an error."""

    sender: SenderIdentity
    list_slug: str
    list_name: str
    list_domain: str
    list_id: int
    base_url: str
    keys: LinkKeys
    edition: Edition
    unsubscribe_address: str = ""
    send_day: SendDay | None = None

    def create_unsubscribe_url(self, recipient: Recipient) -> str:
        return self._sign_url("u", LinkPurpose.UNSUBSCRIBE, self._format_token_fields(recipient))

    def create_preferences_url(self, recipient: Recipient) -> str:
        return self._sign_url("p", LinkPurpose.PREFERENCES, self._format_token_fields(recipient))

    def create_action_url(self, recipient: Recipient) -> str:
        return self._sign_url("c", LinkPurpose.CONFIRM, str(recipient.subscriber_id))

    def create_decision_url(self, slot: Slot, recipient: Recipient, link_fields: str) -> str:
        """Create the link by which a member of staff decides about an edition or a kill."""
        page, purpose = LINK_PAGES[slot]
        body = join_token_fields(recipient.address, link_fields).decode()
        return self._sign_url(page, purpose, body)

    def create_view_url(self, stories: int, language: str) -> str:
        """Create the link to the public page of an edition."""
        body = f"{self.edition.id}.{language}.{stories:x}"
        if self.is_test:
            body = f"0.{self.list_id}.{self.edition.id}"
        return self._sign_url("v", LinkPurpose.VIEW, body)

    def create_counted_url(self, argument: str, language: str) -> str:
        """Create the address that counts the clicks on a link of the body in `language`, from the
        argument of the link's slot. The address is the same for every reader. Other mails than
        those of a mailing have the link's target itself, so that nothing is counted: a test mail,
        and the copy of an edition for a new member."""
        link = parse_counted_link(argument)
        if self.edition.kind is not EditionKind.MAILING:
            return link.url
        body = f"{self.edition.id}.{language}.{link.number}"
        return self._sign_url(COUNTED_PAGE, LinkPurpose.CLICK, body)

    def create_private_url(self, recipient: Recipient) -> str:
        """Create the link to a reader's own page of an advance copy."""
        return self._sign_url("e", LinkPurpose.ADVANCE, self._format_token_fields(recipient))

    @property
    def is_private(self) -> bool:
        """True if the edition is an advance copy, composed while its story was embargoed. Each
        reader can open an advance copy as a page of their own."""
        return self.edition.embargo_until is not None

    @property
    def offers_one_click_unsubscribe(self) -> bool:
        """True if the messages state the link by which a mail provider unsubscribes a reader
        (RFC 8058)."""
        return bool(self.list_slug) or self.edition.kind is EditionKind.WELCOME

    @property
    def offers_unsubscribe_address(self) -> bool:
        """True if the messages also state the address for unsubscribing. A test mail does not: its
        token unsubscribes no one."""
        return bool(self.unsubscribe_address) and not self.is_test

    @property
    def is_test(self) -> bool:
        """True if the messages are test mails, whose links change nothing."""
        return self.edition.kind is EditionKind.TEST

    def choose_link_target(self, page: str, purpose: LinkPurpose) -> tuple[str, LinkPurpose]:
        """Return (path, purpose of the token) of the links to a page. In a test mail, each link
        leads to a page that says so, and its token is good for nothing else."""
        return (f"{TEST_PAGES}/{page}", LinkPurpose.TEST) if self.is_test else (page, purpose)

    def _format_token_fields(self, recipient: Recipient) -> str:
        return f"{recipient.subscriber_id}.{self.list_id}.{self.edition.id}"

    def _sign_url(self, page: str, purpose: LinkPurpose, body: str) -> str:
        path, purpose = self.choose_link_target(page, purpose)
        signer = tokens.get_signer(tokens.get_signing_key(self.keys), purpose)
        token = signer.sign_body(body.encode()).decode()
        return f"{self.base_url.rstrip('/')}/{path}/{token}"
