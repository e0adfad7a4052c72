"""Wording of errors for the command line: options instead of fields, commands for next steps."""

import shlex
from typing import Any

from mailer.cli.global_options import GLOBALS
from mailer.errors import MailerError, NextStep
from mailer.plain_data import to_plain_data

COMMANDS_BY_ACTION = {
    # Looking something up
    "list_articles": "mailer article list",
    "list_assets": "mailer asset list",
    "list_blackouts": "mailer blackout list",
    "list_boilerplates": "mailer boilerplate list",
    "list_contacts": "mailer contact list",
    "list_deliveries": "mailer delivery list {edition}",
    "list_digests": "mailer digest list",
    "list_failed_deliveries": "mailer delivery list {edition} --state failed",
    "list_editions": "mailer edition list",
    "list_embargoes": "mailer embargo list",
    "list_in_doubt": "mailer delivery in-doubt list {edition}",
    "list_lists": "mailer list list",
    "list_observances": "mailer observance list",
    "list_occurrences": "mailer schedule history {digest}",
    "list_schedules": "mailer schedule list",
    "list_segments": "mailer segment list",
    "list_sources": "mailer source list",
    "list_subscribers": "mailer subscriber list",
    "list_suppressions": "mailer suppression list",
    "list_templates": "mailer template list",
    "list_topics": "mailer topic list",
    "preview_edition": "mailer edition preview {edition}",
    "preview_schedule": "mailer schedule preview {digest}",
    "show_article": "mailer article show {slug}",
    "show_boilerplate": "mailer boilerplate show",
    "show_contact": "mailer contact show {address}",
    "show_digest": "mailer digest show {digest}",
    "show_edition": "mailer edition show {edition}",
    "show_embargo_log": "mailer embargo log {slug}",
    "show_history": "mailer subscriber history {address}",
    "show_list": "mailer list show {list}",
    "show_observance": "mailer observance show {observance}",
    "show_release": "mailer release show {slug}",
    "show_report": "mailer edition report {edition}",
    "show_segment": "mailer segment show {segment}",
    "show_source": "mailer source show {source}",
    "show_status": "mailer status",
    "show_subscriber": "mailer subscriber show {address}",
    "show_topic": "mailer topic show {topic}",
    # Content
    "add_article": "mailer article add {file}",
    "add_feed": "mailer source add {name} --feed {url}",
    "add_source": "mailer source add {name}",
    "add_topic": "mailer topic add {topic}",
    "describe_asset": "mailer asset edit {asset} --alt … --language {language}",
    "edit_article": "mailer article edit {slug}",
    "merge_topics": "mailer topic merge {topic} --into {target}",
    "queue_article": "mailer article queue {slug}",
    "restore_article": "mailer article restore {slug}",
    "resume_subscriber": "mailer subscriber resume {address}",
    "resume_source": "mailer source resume {source}",
    "withdraw_article": "mailer article withdraw {slug}",
    # People
    "add_list": "mailer list add {list} --name {name}",
    "add_private_list": "mailer list add {list}-contacts --name Contacts --visibility private",
    "add_subscriber": "mailer subscriber add {address} --list {list}",
    "edit_list": "mailer list edit {list}",
    "edit_subscriber": "mailer subscriber edit {address}",
    "lift_suppression": "mailer suppression remove {address}",
    "make_list_private": "mailer list edit {list} --visibility private",
    "reopen_list": "mailer list reopen {list}",
    "make_list_public": "mailer list edit {list} --visibility public",
    "save_segment": "mailer segment save {segment} {filter}",
    "suppress_address": "mailer suppression add {address}",
    "send_members_every_edition": (
        "mailer subscriber change --list {list} --where 'frequency = {frequency}' --frequency every"
    ),
    # Sending
    "add_digest": "mailer digest add {digest} --list {list}",
    "approve_edition": "mailer edition approve {edition}",
    "arrange_edition": "mailer edition arrange {edition} {slug}",
    "assemble_edition": "mailer digest assemble {digest}",
    "cancel_edition": "mailer edition cancel {edition}",
    "clear_send_time": "mailer edition unschedule {edition}",
    "create_edition": "mailer edition new --list {list} --story {slug} --name {name}",
    "edit_digest": "mailer digest edit {digest}",
    "edit_edition": "mailer edition edit {edition}",
    "explain_delivery": "mailer explain {edition} {address}",
    "mark_in_doubt_as_sent": "mailer delivery in-doubt assume-sent {edition}",
    "pause_edition": "mailer edition pause {edition}",
    "publish_edition": "mailer edition publish {edition}",
    "reopen_edition": "mailer edition reopen {edition}",
    "request_approval": "mailer edition submit {edition}",
    "resend_in_doubt": "mailer delivery in-doubt resend {edition}",
    "resume_edition": "mailer edition resume {edition}",
    "retry_diverted_deliveries": "mailer edition retry {edition} --diverted",
    "retry_failed_deliveries": "mailer edition retry {edition} --failed",
    "schedule_edition": "mailer edition schedule {edition} --at {time} --zone {zone}",
    "send_edition": "mailer send {edition}",
    "send_edition_now": "mailer send {edition} --now",
    "send_editions": "mailer send --all",
    # Calendar
    "add_blackout": "mailer blackout add {first}",
    "add_observance": "mailer observance add {observance} --rule {rule} --name {name}",
    "add_schedule": "mailer schedule add {digest} {rule}",
    "move_occurrence": "mailer schedule move {digest} {occurrence} --to {time}",
    "remove_blackout": "mailer blackout remove {blackout}",
    "edit_schedule": "mailer schedule edit {schedule}",
    "restore_occurrence": "mailer schedule restore {digest} {occurrence}",
    "send_occurrence_now": "mailer schedule send-now {digest} {occurrence}",
    "show_occurrence": "mailer schedule show {digest} {occurrence}",
    "skip_occurrence": "mailer schedule skip {digest} {occurrence}",
    # Press
    "add_contact": "mailer contact add {address} --list {list}",
    "confirm_kill": "mailer release kill {slug} --confirm",
    "correct_release": "mailer release correct {slug} --changed … --why …",
    "edit_contact": "mailer contact edit {address}",
    "lift_embargo": "mailer embargo lift {slug}",
    "request_kill": "mailer release kill {slug} --why …",
    "send_release": "mailer release send {slug} --to {list}",
    "set_boilerplate": "mailer boilerplate set {file} --organisation {organisation}",
    "set_embargo": "mailer embargo set {slug} {time} --zone {zone}",
    "withdraw_kill": "mailer release kill {slug} --take-back",
    # Server and admin
    "accept_database": "mailer database restored",
    "cancel_copy": "mailer database copy --to {url} --cancel",
    "copy_database": "mailer database copy --to {url}",
    "create_configuration": "mailer init",
    "create_database": "mailer init",
    "create_secret_key": "mailer init",
    "declare_clone": "mailer database clone",
    "list_signing_keys": "mailer secret list",
    "remove_valid_signing_key": "mailer secret remove {key} --even-if-valid",
    "replace_database": "mailer database restore {file} --replace",
    "rotate_signing_key": "mailer secret rotate",
    "install_extra": "pip install 'pressmail[{extra}]'",
    "run_worker": "mailer worker",
    "upgrade_database": "mailer database upgrade",
    "upgrade_program": "pip install --upgrade pressmail",
}
"""The command for each action. Words in braces are replaced by the step's facts."""

OPTIONS_BY_ACTION = {
    "choose_sheet": "--sheet NAME",
    "create_topics": "--create-topics",
    "explain_state_word": "--status {word}=active",
    "ignore_column": "--ignore {header}",
    "leave_out_all_topics": "--all-topics",
    "map_column": "--map HEADER={content}",
    "map_state_column": "--map {header}=status",
    "rejoin": "--rejoin",
    "state_date_order": "--dates {order}",
    "state_people": "--state {state}",
    "state_encoding": "--encoding NAME",
}
"""Actions that are done with an option of the command that failed."""

LOOKING_UP = ("list_", "preview_", "show_")
"""Beginnings of the names of actions that change nothing. For these the hint says "see", not
"use"."""

OPTIONS_BY_FIELD = {
    "approvers": "--approver",
    "beats": "--beat",
    "image.alt": "--image-alt",
    "image.caption": "--image-caption",
    "image.credit": "--image-credit",
    "image.url": "--image",
    "link_tags": "--link-tag",
    "list_slug": "--list",
    "lists": "--list",
    "local_time": "--at",
    "moved_to": "--to",
    "opening": "--opening",
    "pause": "--weeks",
    "preheaders": "--preheader",
    "region": "--holidays",
    "reminders": "--remind",
    "send_at": "--at",
    "start": "--start",
    "stories": "--story",
    "tags": "--tag",
    "time": "--at",
    "topics": "--topic",
    "watchers": "--watcher",
}
"""Options whose names differ from the name of their field."""

ARGUMENT_FIELDS = frozenset(
    {
        "address", "asset", "assets", "contacts", "edition", "embargo", "file", "filter", "first",
        "html", "last", "number", "occurrence", "place", "rule", "slug", "text", "until",
    }
)  # fmt: skip
"""Fields that are arguments or come from a file. Errors name them in words, not as options."""


def describe_error(error: MailerError) -> str:
    """Describe an error in one sentence: where it is, what is wrong, and what to do."""
    place = error.where or spell_field(error.field)
    sentence = f"{place}: {error.message}" if place else error.message
    advice = [error.hint] if error.hint else []
    if steps := describe_steps(error.next_steps):
        advice.append(steps)
    return "; ".join([sentence, *advice])


def to_json_error(error: MailerError) -> dict[str, Any]:
    """Return an error for programs: its facts, and each next step with its command."""
    facts = {
        "code": error.code,
        "message": error.message,
        "where": error.where,
        "field": error.field,
        "value": error.value,
        "hint": error.hint,
        "next_steps": [
            {
                "action": step.action,
                "facts": step.facts,
                "command": describe_step(step).strip("`"),
            }
            for step in error.next_steps
        ],
    }
    return {"error": to_plain_data(facts)}


def spell_field(field: str) -> str:
    """Spell a field as its option, or as words if it is an argument: ``send_at`` is ``--at``."""
    if not field or field in ARGUMENT_FIELDS:
        return field.replace("_", " ")
    return OPTIONS_BY_FIELD.get(field, f"--{field.replace('_', '-').replace('.', '-')}")


def describe_steps(steps: tuple[NextStep, ...]) -> str:
    """Describe what can be done next: "see `mailer list list`", "use `…` or `…`"."""
    lookups = [describe_step(step) for step in steps if step.action.startswith(LOOKING_UP)]
    changes = [describe_step(step) for step in steps if not step.action.startswith(LOOKING_UP)]
    phrases = []
    if changes:
        phrases.append(f"use {' or '.join(changes)}")
    if lookups:
        phrases.append(f"see {' or '.join(lookups)}")
    return ", or ".join(phrases)


def describe_step(step: NextStep) -> str:
    """Describe one step as a command or an option. A step that has neither is described in its own
    words."""
    template = COMMANDS_BY_ACTION.get(step.action) or OPTIONS_BY_ACTION.get(step.action)
    if template is None:
        facts = ", ".join(f"{name} {value}" for name, value in step.facts.items())
        words = step.action.replace("_", " ")
        return f"{words} ({facts})" if facts else words
    values = {name: shlex.quote(str(value)) for name, value in step.facts.items()}
    command = template.format_map(_Facts(values))
    if step.action == "create_database" and GLOBALS.database:
        command = command.replace("mailer ", f"mailer --database {shlex.quote(GLOBALS.database)} ")
    return f"`{command}`"


class _Facts(dict[str, str]):
    """The facts of a step. For a missing fact, the command shows the fact's name in capitals."""

    def __missing__(self, name: str) -> str:
        return name.upper()
