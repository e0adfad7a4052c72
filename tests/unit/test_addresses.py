"""One spelling for each address, and one on the wire."""

import re

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from mailer import addresses
from mailer.errors import InputError
from tests.unit.samples import generate_texts


@given(st.emails())
def test_address_normalisation_is_idempotent(address: str) -> None:
    try:
        normal = addresses.normalise_address(address)
    except InputError:
        return  # a reserved domain
    assert addresses.normalise_address(normal) == normal
    assert addresses.normalise_address(f"  {normal}\n") == normal
    local, _, domain = addresses.to_wire_form(normal).rpartition("@")
    assert local == address.rpartition("@")[0].lower()
    assert domain.isascii()
    assert domain == addresses.extract_wire_domain(normal)


@given(generate_texts())
def test_any_text_is_address_or_refused(text: str) -> None:
    try:
        normal = addresses.normalise_address(text)
    except InputError:
        return
    assert normal.isprintable()
    assert not set(normal) & set(' <>",;:()[]\\')


@given(
    st.one_of(
        st.emails(),
        st.builds(
            "{}@{}".format,
            st.one_of(
                st.text("aB.+-'", min_size=1, max_size=5),
                st.text("a", min_size=60, max_size=250),
                st.sampled_from(["Info", "NEWS", "postmaster", "info.x"]),
            ),
            st.one_of(
                st.text("aB.-1", min_size=1, max_size=8),
                st.sampled_from(
                    [
                        "Example.ORG",
                        "xn--bcher-kva.example",
                        "xn--a.org",
                        "ab--c.org",
                        "localhost",
                        "a.test",
                        "x.local",
                        "bücher.example",
                        "1.2.3.4",
                        "a.b.c.d.org",
                        "a.org.",
                    ]
                ),
            ),
        ),
    )
)
def test_plain_addresses_agree_with_email_validator(address: str) -> None:
    try:
        validated = validate_email(
            address, check_deliverability=False, test_environment=True, strict=True
        )
    except EmailNotValidError as error:
        with pytest.raises(InputError, match=re.escape(str(error).rstrip("."))):
            addresses.normalise_address(address)
    else:
        assert addresses.normalise_address(address) == validated.normalized.lower()


@pytest.mark.parametrize(
    ("written", "normal", "wire"),
    [
        ("Ana@EXAMPLE.org", "ana@example.org", "ana@example.org"),
        ("a+b@example.org", "a+b@example.org", "a+b@example.org"),
        ("ana@BÜCHER.example", "ana@bücher.example", "ana@xn--bcher-kva.example"),
        ("ana@xn--bcher-kva.example", "ana@bücher.example", "ana@xn--bcher-kva.example"),
        ("josé@example.org", "josé@example.org", "josé@example.org"),
        ("ana@probe.test", "ana@probe.test", "ana@probe.test"),
        ("a" * 64 + "@example.org", "a" * 64 + "@example.org", "a" * 64 + "@example.org"),
    ],
)
def test_address_case_and_domain_script_do_not_matter(written: str, normal: str, wire: str) -> None:
    assert addresses.normalise_address(written) == normal
    assert addresses.to_wire_form(normal) == wire


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "ana",
        "@example.org",
        "ana@",
        "ana@@example.org",
        "ana@example",
        "a b@example.org",
        "ana@exa mple.org",
        "ana@-example.org",
        "ana@example..org",
        ".ana@example.org",
        "ana@example.org\nBcc: all@example.org",
        "Ana <ana@example.org>",
        "ana@example.org,bo@b.org",
        "ana@[127.0.0.1]",
        "ana@" + "a." * 130 + "org",
        "ana\0@example.org",
        "root@test",
        "root@localhost",
        "a" * 65 + "@example.org",
        "é" * 33 + "@example.org",
    ],
)
def test_invalid_address_is_refused_with_reason(bad: str) -> None:
    with pytest.raises(InputError, match="is not a mail address") as caught:
        addresses.normalise_address(bad, "column 2")
    assert caught.value.field == "column 2"
    assert caught.value.hint == "write it as name@example.org"


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("ana@example.org", "ana@example.org"),
        ("ANA@example.org", "ana@example.org"),
        ("Ana+news+more@example.org", "ana@example.org"),
        ("+@example.org", "+@example.org"),
        ("+ana@example.org", "+ana@example.org"),
        ("a.n.a@gmail.com", "ana@gmail.com"),
        ("A.na+news@GoogleMail.com", "ana@gmail.com"),
        ("a.n.a@gmail.example.org", "a.n.a@gmail.example.org"),
        ("d\N{LATIN SMALL LETTER E WITH ACUTE}b+x@example.org", "d\u00e9b@example.org"),
    ],
)
def test_spellings_of_address_are_one_mailbox(address: str, mailbox: str) -> None:
    assert addresses.guess_mailbox(address) == mailbox
