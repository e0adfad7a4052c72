"""A refusal is judged by its code, its words and its phase; refusals alike have one signature."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.refusal_codes import (
    MEANINGS_BY_CODE,
    PHRASES,
    UNJUDGED,
    RefusalSubject,
)
from mailer.delivery.refusals import (
    MAX_SIGNATURE,
    RefusalJudgement,
    hide_address,
    judge_recorded_reply,
    judge_refusal,
    make_signature,
)
from mailer.delivery.replies import Phase, Reply, Verdict, clean_reply_text, judge_reply

ANA = "ana.lopez@clinic.example"
R, S, M, U = RefusalSubject


def judge_text(text: str, phase: Phase = Phase.RCPT, code: int = 550) -> RefusalJudgement:
    return judge_refusal(Reply(phase, code, clean_reply_text(text), Verdict.REFUSED), ANA)


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        # By codes
        ("5.1.1 nobody here by that name", R),
        ("5.1.10 RESOLVER.ADR.RecipientNotFound; not in the directory", R),
        ("5.2.1 this inbox was shut", R),
        ("5.2.2 no room", R),
        ("5.2.121 too much mail for them today", R),
        ("5.4.1 Recipient address rejected: Access denied. AS(201806281)", R),
        ("5.4.4 no MX", R),
        ("5.4.310 DNS domain clinic.example does not exist", R),
        ("5.7.17 the mailbox has had another owner", R),
        ("5.7.124 sender not in the group's list", R),
        ("5.7.133 senders must sign in for this group", R),
        ("5.1.7 malformed originator", S),
        ("5.1.8 the domain of news@office.example has no MX", S),
        ("5.1.90 your mailbox has sent enough for today", S),
        ("5.2.252 SendAsDenied; account@office.example may not send for news@office.example", S),
        ("5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied", S),
        ("5.7.8 credentials wanted", S),
        ("5.7.9 Not accepted for policy reasons. See https://senders.example/codes", S),
        ("5.7.23 SPF fails", S),
        ("5.7.26 not authenticated\n5.7.26 DKIM: none\n5.7.26 SPF: none - xyz.77 - gsmtp", S),
        ("5.7.232 the tenant has used up its external recipients", S),
        ("5.7.501 access denied, spam abuse seen", S),
        ("5.7.515 the sending domain lacks the required authentication level", S),
        ("5.7.606 banned sending IP [192.0.2.9]", S),
        ("5.7.649 a code that Microsoft may add", S),
        ("5.7.708 traffic not accepted from this IP", S),
        ("5.7.750 domain not registered", S),
        ("5.3.4 too much of it", M),
        ("5.2.3 longer than the mailbox takes", M),
        ("5.6.7 an address of this kind is not served", R),
        ("5.1.22 a code of the address, not in any table", R),
        # By words: the recipient
        ("Unrouteable address", R),
        ("5.7.1 <ana.lopez@clinic.example>: Recipient address rejected: User unknown", R),
        ("5.0.0 User doesn't exist: ana.lopez@clinic.example", R),
        ("Invalid recipient: <ana.lopez@clinic.example>", R),
        ("No such user here", R),
        ("Requested action not taken: mailbox unavailable", R),
        ("5.5.0 the mailbox is disabled", R),
        ("5.2.0 mailbox is full", R),
        ("5.7.1 account ana.lopez has been suspended", R),
        ("Benutzer unbekannt", R),
        ("utilisateur inconnu", R),
        ("5.5.4 SMTPUTF8 is required, but was not offered", R),
        # By words: us
        ("5.7.1 Service unavailable; client [192.0.2.9] blocked using zen.spamhaus.org", S),
        ("5.7.1 Blocked: this host has a bad reputation", S),
        ("Relay access denied", S),
        ("relaying denied", S),
        ("5.7.1 sender address rejected: not owned by user account", S),
        ("5.1.0 <news@office.example> sender rejected", S),
        ("5.7.0 must authenticate first", S),
        ("5.7.1 daily sending quota exceeded", S),
        ("too many messages in this hour", S),
        ("5.7.1 your domain has no DMARC record", S),
        ("5.7.1 held to be spam, ref 8812-QX", S),
        ("5.7.1 message size exceeds fixed limit", M),
        ("5.7.1 a virus was found in it", M),
        # By words that outweigh a code of the address
        ("5.1.1 mail refused, your IP is on a blacklist", S),
        ("5.1.2 the sender's domain was not found", S),
        ("5.2.1 your server has no good reputation", S),
        ("5.4.4 sender domain lacks an MX", S),
        ("5.7.2 all messages from 192.0.2.7 are deferred for ever", S),
        ("5.1.1 user unknown, and your IP is on a blacklist", R),
        ("5.7.2 this list takes posts of its members only", R),
        # By words: mail providers
        ("your account has been suspended for abuse", S),
        ("account suspended, outgoing mail is off", S),
        ("your quota of outgoing mails is used up: limit of outgoing mails", S),
        ("outgoing mail quota exceeded", S),
        ("5.7.1 sender quota exceeded", S),
        ("5.7.1 maximum credits used", S),
        ("Tageslimit erreicht", S),
        ("too many invalid recipients", S),
        ("Absender unbekannt", S),
        ("expéditeur inconnu", S),
        ("remitente desconocido", S),
        ("email address is not verified: ana.lopez@clinic.example", S),
        ("reject due to policy restrictions", S),
        ("5.7.1 not accepted by local policy", S),
        ("IP=192.0.2.7 - dialup hosts may not connect", S),
        ("5.7.1 IP address 192.0.2.7 not allowed", S),
        ("recipient rejected: access denied, blocked - see https://ipcheck.filter.example", S),
        ("failure for some recipients (ana.lopez@clinic.example:blocked)", S),
        ("envelope blocked - see https://community.mimecast.example", S),
        ("mailbox unavailable, see https://help.example/why?ip=192.0.2.7&c=rejected", R),
        ("compte désactivé", R),
        ("Postfach voll", R),
        ("message was rejected for unacceptable content", M),
        ("5.7.1 the message has an invalid From header", M),
        # Undecided
        ("5.7.1 not today", U),
        ("Administrative prohibition", U),
        ("rejected", U),
        ("5.1.0 address rejected", U),
        ("", U),
    ],
)
def test_refusal_speaks_of_recipient_us_or_message(text: str, subject: RefusalSubject) -> None:
    judgement = judge_text(text)
    assert judgement.subject is subject
    assert judgement.meaning
    assert judgement.advice


def test_553_to_rcpt_without_words_is_the_recipients() -> None:
    assert judge_text("no", code=553).subject is R
    assert judge_text("no", Phase.DOT, 553).subject is U


def test_quota_of_mailbox_differs_from_quota_of_account() -> None:
    assert judge_text("5.2.2 quota exceeded (mailbox is full)", code=552).subject is R
    assert judge_text("5.0.0 your account's sending quota exceeded", code=552).subject is S


def test_552_to_mail_is_a_refusal_of_the_message() -> None:
    reply = judge_reply(Phase.MAIL, 552, "over the limit")
    assert reply.verdict is Verdict.REFUSED
    assert judge_refusal(reply, ANA).subject is M


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            "5.7.1 looks like spam; id 1tXq2Z-0004aB-7c",
            "5.7.1 looks like spam; id 1tXq9K-000Z1b-Jd",
        ),
        ("5.7.1 no, case QWERTY", "5.7.1 no, case ASDFGH"),
        ("5.7.1 no (ref: qwerty)", "5.7.1 no (ref: asdfgh)"),
        ("5.7.1 on a block list; alpha bravo", "5.7.1 blocked: charlie delta"),
        ("5.7.1 no from mx1.a.example [192.0.2.1]", "5.7.1 no from mx7.b.example [2001:db8::7]"),
        ("5.7.1 see https://x.example/?q=abc", "5.7.1 see https://x.example/?q=xyz"),
        ("5.7.1 at 2026-02-03T04:05:06Z", "5.7.1 at 2027-11-12T13:14:15Z"),
        ("5.7.1 <a@one.example> not now", "5.7.1 <b@two.example> not now"),
        ("5.7.26 one text", "5.7.26 quite another"),
    ],
)
def test_refusals_alike_have_same_signature(first: str, second: str) -> None:
    assert judge_text(first).signature == judge_text(second).signature


def test_signature_holds_no_trace_of_the_recipient() -> None:
    texts = [
        f"5.7.1 {words}"
        for words in (
            "<ana.lopez@clinic.example> no",
            "ANA.LOPEZ@CLINIC.EXAMPLE no",
            "ana.lopez at clinic.example no",
            "user ana.lopez: no",
        )
    ]
    for text in texts:
        signature = judge_text(text).signature
        assert "lopez" not in signature
        assert "clinic" not in signature


def test_different_refusals_have_different_signatures() -> None:
    texts = ["5.7.1 not today", "5.7.1 never", "5.0.0 not today", "not today"]
    signatures = {judge_text(text).signature for text in texts}
    signatures |= {
        judge_text(texts[0], Phase.DOT).signature,
        judge_text(texts[0], code=554).signature,
    }
    assert len(signatures) == len(texts) + 2


def test_international_address_is_hidden_in_wire_form() -> None:
    text = hide_address("no user jörg@xn--bro-hoa.example", "jörg@büro.example")
    assert text == "no user <address>"


def test_recorded_reply_is_judged_alike() -> None:
    reply = Reply(Phase.DOT, 554, "5.7.1 on our block list", Verdict.REFUSED)
    judgement = judge_recorded_reply(str(reply))
    assert judgement is not None
    assert judgement == judge_refusal(reply, "")
    for other in ("450 4.2.0 later (to RCPT)", "the connection was lost", "550 no (to lunch)", ""):
        assert judge_recorded_reply(other) is None


def test_table_of_codes_holds_codes_of_permanent_failures() -> None:
    assert len(MEANINGS_BY_CODE) > 100
    for code, meaning in MEANINGS_BY_CODE.items():
        assert code.startswith("5.")
        assert meaning is not UNJUDGED
        assert judge_text(f"{code} some words").subject is meaning.subject


def test_each_phrase_list_names_a_party() -> None:
    assert all(meaning.subject is not U for _, meaning in PHRASES)


@given(st.text(max_size=600), st.sampled_from([Phase.RCPT, Phase.DATA, Phase.DOT]), st.emails())
def test_any_text_is_judged(text: str, phase: Phase, address: str) -> None:
    reply = Reply(phase, 550, clean_reply_text(text), Verdict.REFUSED)
    judgement = judge_refusal(reply, address)
    assert len(judgement.signature) <= MAX_SIGNATURE
    assert judgement == judge_refusal(reply, address)
    assert make_signature(reply, address)
