"""Pages that nest deep are refused before the HTML parser takes quadratic time for them."""

import time

import pytest

from mailer.errors import InputError
from mailer.intake.normalise import normalise_html
from mailer.intake.normalise.tree import MAX_OPEN, MAX_TAGS

DEEP = {
    "blocks": "<div>" * 200_000,
    "marks": "<b>x</i>" * 100_000,
    "lists": "<ul><li>x" * 50_000,
    "tables": "<div><table></div></table>" * 40_000,
    "ends of other elements": "<div></p></span>" * 60_000,
    "comments that end at once": "<!--><div>" * 90_000,
    "signs in attributes": "<div <>" * 90_000,
    "below the bound, and wide": "<div>" * (MAX_OPEN - 1) + "<i></i>" * 90_000 + "<div>" * 9,
    "too many": "<br>" * (MAX_TAGS + 1),
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_page_is_refused_within_a_second(name: str) -> None:
    before = time.process_time()
    with pytest.raises(InputError, match=r"nest deeper than|more than 120,000 elements"):
        normalise_html(DEEP[name])
    assert time.process_time() - before < 1


@pytest.mark.parametrize(
    "piece",
    ["<p>word", "<li>word", "<br>", "<table><tr><td>word</table>", "<p><b>word</b></p>",
     "<b><i>word</b></i>", "<!-- <div> -->word", "<dd>word",
     "<img src=https://a.example/b.png alt=c>"],
)  # fmt: skip
def test_long_flat_page_is_no_deep_page(piece: str) -> None:
    assert normalise_html("<div>" * 40 + piece * 1_500).markdown or piece == "<br>"
