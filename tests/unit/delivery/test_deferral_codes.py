"""The meaning of a temporary refusal, as a report shows it."""

import pytest

from mailer.delivery import deferral_codes
from mailer.delivery.deferral_codes import explain_deferral


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        ("451 4.7.1 Greylisted, see you (to RCPT)", deferral_codes.COME_LATER),
        ("451 local error (to final dot)", deferral_codes.SERVER_ERROR),
        ("452 4.2.2 over quota (to RCPT)", deferral_codes.MAILBOX_FULL),
        ("452 4.3.1 no (to RCPT)", deferral_codes.NO_STORAGE),
        ("452 4.5.3 no (to RCPT)", deferral_codes.LIMIT),
        ("450 4.4.1 no (to RCPT)", deferral_codes.UNREACHABLE),
        ("450 no (to RCPT)", deferral_codes.MAILBOX_BUSY),
        ("421 4.3.2 no (to final dot)", deferral_codes.SERVER_BUSY),
        ("459 what (to RCPT)", deferral_codes.UNKNOWN),
        ("550 5.1.1 no such user (to RCPT)", ""),
        ("closed after the message, before its reply (to final dot)", ""),
        ("", ""),
    ],
)
def test_temporary_refusal_is_explained(reply: str, meaning: str) -> None:
    assert explain_deferral(reply) == meaning
