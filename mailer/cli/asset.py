"""``mailer asset``: pictures that are stored once and used in mails and on pages."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailer import assets
from mailer.cli.command_groups import CommandGroup
from mailer.cli.options import (
    MAX_NUMBER,
    ByOption,
    DryRunOption,
    JsonOption,
    LimitOption,
    resolve_actor,
)
from mailer.cli.output import Output
from mailer.cli.paging import print_next_page
from mailer.cli.transactions import open_for_reading, open_for_writing
from mailer.errors import InputError, UsageError
from mailer.model.assets import AssetChanges, PictureAsset

if TYPE_CHECKING:
    from mailer.store import SqlTransaction

app = CommandGroup(help="Assets: pictures for mails and pages, stored once.")

SHORT_HASH = 12
"""Characters of a hash that the list shows, enough to name an asset."""

AssetName = Annotated[
    str, typer.Argument(metavar="ASSET", help="The beginning of the asset's hash, or its name.")
]
AltOption = Annotated[
    str | None, typer.Option(help="The alt text, for readers who can't see the picture.")
]
CaptionOption = Annotated[str | None, typer.Option(help="The caption.")]
CreditOption = Annotated[str | None, typer.Option(help="The credit, such as the photographer.")]
TermsOption = Annotated[str | None, typer.Option(help="The terms of use.")]
TermsEndOption = Annotated[
    str | None,
    typer.Option(help="The last day of use, such as 2027-06-30; empty: the terms do not end."),
]
LanguageOption = Annotated[
    str, typer.Option(help="The language of alt text and caption; default: the office's.")
]


@app.command("add")
def add_asset(
    file: Annotated[Path, typer.Argument(help="A JPEG, PNG, GIF or WebP file.")],
    alt: AltOption = None,
    caption: CaptionOption = None,
    credit: CreditOption = None,
    terms: TermsOption = None,
    terms_end: TermsEndOption = None,
    language: LanguageOption = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Store a picture, and make the sizes of it that mails and pages show.

    Adding the same file again changes only the texts that are given. Articles that name the file
    take alt text, caption and credit from here, unless they have their own.

    Example: mailer asset add harbour.jpg --alt "Boats in the harbour" --credit "A. Perera" """
    from mailer.intake.picture_files import read_picture_file

    out = Output(json)
    actor = resolve_actor(by)
    picture = read_picture_file(file)
    texts = _AssetTexts(alt, caption, credit, terms, terms_end)
    with open_for_writing(actor, dry_run, out, [picture]) as (mailer, tx):
        changes = texts.build_changes(language or mailer.settings.defaults.language)
        asset, outcome = assets.add_asset(tx, actor, picture, mailer.clock(), changes)
        out.print_record(asset, f"{outcome}: {asset.name}, {asset.reference}")


@app.command("list")
def list_assets(
    limit: LimitOption = 100,
    after: Annotated[
        str, typer.Option("--after", metavar="ASSET", help="Begin after this asset.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """List assets, newest first.

    If there are more assets than --limit, a note gives the command for the next ones.

    Example: mailer asset list"""
    out = Output(json)
    with open_for_reading() as (_, tx):
        last_asset = assets.get_asset(tx, after) if after else None
        listed_assets = tx.assets.list_assets(min(limit + 1, MAX_NUMBER), last_asset)
        page = listed_assets[:limit]
        out.print_table(
            page,
            {
                "asset": "",
                "file": "",
                "size": "right",
                "alt text": "",
                "credit": "",
                "terms end": "",
            },
            [
                (
                    asset.sha256[:SHORT_HASH],
                    asset.name,
                    f"{asset.width} × {asset.height}",
                    asset.alts,
                    asset.credit,
                    asset.terms_end,
                )
                for asset in page
            ],
            empty="no such asset; to add one: mailer asset add FILE",
        )
        if len(listed_assets) > limit:
            print_next_page(out, page[-1].sha256[:SHORT_HASH])


@app.command("show")
def show_asset(name: AssetName, json: JsonOption = False) -> None:
    """Show an asset: its reference, texts, terms, addresses, and the articles that use it.

    Example: mailer asset show 3f2a9c"""
    with open_for_reading() as (mailer, tx):
        asset = assets.get_asset(tx, name)
        base_url = mailer.settings.web.base_url
        Output(json).print_record(_describe_asset(tx, asset, base_url))


@app.command("edit")
def edit_asset(
    name: AssetName,
    alt: AltOption = None,
    caption: CaptionOption = None,
    credit: CreditOption = None,
    terms: TermsOption = None,
    terms_end: TermsEndOption = None,
    language: LanguageOption = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change an asset's texts: alt text and caption in one language, credit and terms.

    Articles that were added before keep the texts that they have.

    Example: mailer asset edit harbour.jpg --alt "Bateaux dans le port" --language fr"""
    texts = _AssetTexts(alt, caption, credit, terms, terms_end)
    if texts.is_empty:
        raise UsageError("no change was given", hint="see `mailer asset edit --help`")
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        changes = texts.build_changes(language or mailer.settings.defaults.language)
        asset = assets.get_asset(tx, name)
        asset, outcome = assets.edit_asset(tx, actor, asset, changes, mailer.clock())
        out.print_record(asset, f"{asset.name} ({asset.sha256[:SHORT_HASH]}): {outcome}")


@app.command("remove")
def remove_asset(
    name: AssetName,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Remove a picture that no article and no mail has ever used.

    Example: mailer asset remove 3f2a9c"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        asset = assets.get_asset(tx, name)
        assets.remove_asset(tx, actor, asset, mailer.settings.organisation.logo_url)
        out.print_record(asset, f"{asset.name} ({asset.sha256[:SHORT_HASH]}): removed")


def _describe_asset(tx: "SqlTransaction", asset: PictureAsset, base_url: str) -> dict[str, object]:
    return {
        "name": asset.name,
        "reference": asset.reference,
        "address": assets.build_picture_url(asset.reference, base_url),
        "media_type": asset.media_type,
        "width": asset.width,
        "height": asset.height,
        "size": asset.size,
        "alts": asset.alts,
        "captions": asset.captions,
        "credit": asset.credit,
        "terms": asset.terms,
        "terms_end": asset.terms_end,
        "added_by": asset.added_by,
        "created_at": asset.created_at,
        "used_by": tx.assets.find_users(asset.sha256),
    }


@dataclass(frozen=True, slots=True)
class _AssetTexts:
    """The texts of an asset as they were given; None leaves one as it is."""

    alt: str | None
    caption: str | None
    credit: str | None
    terms: str | None
    terms_end: str | None

    def build_changes(self, language: str) -> AssetChanges:
        """Build the changes, with alt text and caption in a language. Raises InputError."""
        return AssetChanges(
            language,
            *(self.alt, self.caption, self.credit, self.terms, _parse_end(self.terms_end)),
            removes_terms_end=self.terms_end == "",
        )

    @property
    def is_empty(self) -> bool:
        return (self.alt, self.caption, self.credit, self.terms, self.terms_end) == (None,) * 5


def _parse_end(text: str | None) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError(
            f"{text!r} is not a date", where="--terms-end", hint="write it as 2027-06-30"
        ) from error
