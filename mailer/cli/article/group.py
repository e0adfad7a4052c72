"""The group of commands about articles, and the options that several of them take."""

from typing import Annotated

import typer

from mailer.cli.command_groups import CommandGroup
from mailer.model.articles import ArticleKind

app = CommandGroup(help="Articles: texts for mails, each text in one language.")

LanguageOption = Annotated[str, typer.Option(help="The article's language; default: the office's.")]
KindOption = Annotated[ArticleKind, typer.Option(help="The article's kind.")]
TopicsOption = Annotated[list[str] | None, typer.Option("--topic", help="A topic; repeatable.")]
