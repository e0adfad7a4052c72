"""``mailer template``: the templates of mails, and the values that they see."""

from typing import Annotated

import typer

from mailer.cli.command_groups import CommandGroup
from mailer.cli.options import JsonOption
from mailer.cli.output import Output
from mailer.cli.transactions import load_settings

app = CommandGroup(help="Templates: how mails look, and what they can print.")


@app.command("list")
def list_templates(json: JsonOption = False) -> None:
    """List the templates, those of the office last.

    Example: mailer template list"""
    from mailer.render import template_reference

    templates = template_reference.list_templates(load_settings().template_names)
    Output(json).print_table(
        [{"template": name, "for": purpose} for name, purpose in templates],
        {"template": "", "for": ""},
        templates,
        empty="no template",
    )


@app.command("show")
def show_template(
    template: Annotated[str, typer.Argument(help="The template: a folder below templates/email.")],
    json: JsonOption = False,
) -> None:
    """Show the variables of a template, with their types, meanings and examples.

    Personal variables differ between readers: a template can only print them.

    Example: mailer template show digest"""
    from mailer.render import template_reference

    variables = template_reference.list_variables(template, load_settings().template_names)
    Output(json).print_table(
        variables,
        {"variable": "", "type": "", "meaning": "", "example": ""},
        [
            (
                variable.name,
                f"{variable.value_type}, personal" if variable.is_personal else variable.value_type,
                variable.meaning.replace("`", ""),
                template_reference.format_example(variable),
            )
            for variable in variables
        ],
        empty="no variable",
    )
