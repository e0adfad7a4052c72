"""SpamAssassin on every kind of mail in six languages, without asking the network.

This is a proof, because it needs the program (`apt install spamassassin`)."""

import re
import shutil
import subprocess
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailer.languages import UN_LANGUAGES
from mailer.notices import NoticeKind
from tests.unit.render.spam_samples import SampleMail, make_sample_mails
from tests.unit.render.test_notices import compose as compose_notice

GOAL = 0.1
"""The largest sum of the scores above 0 of one mail. Scores below 0 do not make up for others."""

ACCEPTED: dict[str, tuple[frozenset[str], str]] = {
    "HTML_MESSAGE": (frozenset(UN_LANGUAGES), "the mail has an HTML part; it scores 0.001"),
    "MIXED_ES": (
        frozenset({"ru"}),
        "takes Cyrillic е for a disguised Latin e, which links and English names have",
    ),
}
"""Rules that may score, with the languages in which they may, and the reason."""

CHECKER = """
use strict;
use Mail::SpamAssassin;
my $filter = Mail::SpamAssassin->new({
    local_tests_only => 1, dont_copy_prefs => 1, userprefs_filename => '/dev/null',
    post_config_text => "use_bayes 0\\n",
});
for my $path (@ARGV) {
    open(my $file, '<', $path) or die $!;
    binmode $file;
    local $/;
    my $mail = $filter->parse(<$file>);
    my $status = $filter->check($mail);
    my $scores = $status->get_names_of_tests_hit_with_scores_hash();
    print join(' ', map { "$_=$scores->{$_}" } sort keys %$scores), "\\n";
    $status->finish;
    $mail->finish;
}
"""
"""`spamassassin -L` for many files: one process reads the rules once."""


@dataclass(frozen=True)
class JudgedMail:
    """A mail, and the scores above 0 by rule."""

    mail: SampleMail
    scores: dict[str, float]

    @property
    def unexpected(self) -> dict[str, float]:
        """The scores of the rules that are not accepted in the mail's language."""
        return {
            rule: score
            for rule, score in self.scores.items()
            if self.mail.language not in ACCEPTED.get(rule, (frozenset(), ""))[0]
        }


def judge_by_spamassassin(mails: list[SampleMail], folder: Path) -> list[JudgedMail]:
    files = [folder / f"{number}.eml" for number in range(len(mails))]
    for file, mail in zip(files, mails, strict=True):
        file.write_bytes(mail.data)
    done = subprocess.run(
        ["perl", "-e", CHECKER, *map(str, files)],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(mails), done.stderr
    return [
        JudgedMail(mail, {rule: float(score) for rule, score in pairs if float(score) > 0})
        for mail, line in zip(mails, lines, strict=True)
        for pairs in [[tuple(pair.split("=")) for pair in line.split()]]
    ]


@pytest.mark.proof
@pytest.mark.skipif(not shutil.which("spamassassin"), reason="needs SpamAssassin")
def test_spamassassin_gives_mails_of_every_kind_and_language_no_score(tmp_path: Path) -> None:
    mails = list(make_sample_mails())
    assert len({mail.kind for mail in mails}) == 13
    assert len(mails) == 13 * len(UN_LANGUAGES)
    spam = SampleMail("spam", "en", b"Subject: FREE VIAGRA!!!\r\n\r\nViagra, act now, $$$.\r\n")
    *judged_mails, judged_spam = judge_by_spamassassin([*mails, spam], tmp_path)
    assert sum(judged_spam.unexpected.values()) > 1, "the filter works"
    for judged in judged_mails:
        where = f"{judged.mail.kind} in {judged.mail.language}: {judged.scores}"
        assert sum(judged.unexpected.values()) <= GOAL, where
        assert set(judged.scores) <= set(ACCEPTED), f"name the rule: {where}"
    hit_rules = {rule for judged in judged_mails for rule in judged.scores}
    assert hit_rules == set(ACCEPTED), "a rule that hits no longer is not accepted for nothing"


@pytest.mark.parametrize("language", ["ar", "ru"])
def test_no_word_mixes_latin_letters_with_others(language: str) -> None:
    """MIXED_ES and R_MIXED_CHARSET look for letters of two scripts. A word of ours with both, such
    as a Latin e within a Russian word, would deserve it."""
    letters = "\u0400-\u04ff\u0600-\u06ff"
    mixed_word = re.compile(rf"[{letters}]+[A-Za-z]\w*|[A-Za-z]+[{letters}]\w*")
    assert mixed_word.search("Деc"), "the last letter is Latin"
    for mail in make_sample_mails(language):
        assert mixed_word.findall(mail.read_text()) == [], mail.kind


def test_arabic_subjects_of_ours_have_no_vowel_signs() -> None:
    """R_MIXED_CHARSET takes a vowel sign in a subject for a letter of another script."""
    subjects = [mail.read_subject() for mail in make_sample_mails("ar")]
    subjects += [compose_notice("ar", kind, name="·").subject for kind in NoticeKind]
    assert len(subjects) > 20
    for subject in subjects:
        assert not any(unicodedata.category(sign) == "Mn" for sign in subject), subject
