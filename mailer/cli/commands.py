"""The table of commands: one line each, in the order in which work is done."""

from mailer.cli.command_groups import CommandEntry, LazyCommand, PanelGroup

CONTENT = "Content"
PEOPLE = "People"
SENDING = "Sending"
CALENDAR = "Calendar"
PRESS = "Press"
SERVER = "Server"
ADMIN = "Admin"

COMMANDS = tuple(
    CommandEntry(name, f"mailer.cli.{target}", help_line, panel)
    for panel, name, target, help_line in (
        (CONTENT, "topic", "topic:app", "Topics: what articles are about and subscribers choose."),
        (CONTENT, "article", "article:app", "Articles: pieces of content, one for each language."),
        (CONTENT, "source", "source:app", "Sources: feeds, sites and folders that bring articles."),
        (PEOPLE, "list", "mailing_list:app", "Mailing lists."),
        (PEOPLE, "subscriber", "subscriber:app", "Subscribers, and their lists."),
        (PEOPLE, "segment", "segment:app", "Segments: saved filters over a list's members."),
        (PEOPLE, "suppression", "suppression:app", "Addresses that must not be mailed."),
        (SENDING, "digest", "digest:app", "Digests: standing orders for editions."),
        (SENDING, "edition", "edition:app", "Editions: one mailing each, from draft to sent."),
        (SENDING, "send", "sending:send_editions", "Send approved editions, or continue them."),
        (SENDING, "delivery", "delivery:app", "Deliveries: one edition to one address each."),
        (SENDING, "explain", "explain:explain_delivery", "Say why a person got an edition or not."),
        (CALENDAR, "schedule", "schedule:app", "Schedules: when a digest is sent."),
        (CALENDAR, "blackout", "blackout:app", "Blackouts: days on which no digest is sent."),
        (CALENDAR, "observance", "observance:app", "Observances: named days to count from."),
        (PRESS, "contact", "contact:app", "Media contacts: journalists and what they cover."),
        (PRESS, "boilerplate", "boilerplate:app", "Boilerplate: the text about an organisation."),
        (PRESS, "release", "release:app", "Press releases: from a file to journalists."),
        (PRESS, "embargo", "embargo:app", "Embargoes: stories that nobody may publish yet."),
        (SERVER, "worker", "worker:run_worker", "Run the process that keeps time and delivers."),
        (SERVER, "status", "status:show_status", "Show what is due, sending, waiting and failed."),
        (SERVER, "serve", "serve:serve_pages", "Serve the public pages."),
        (ADMIN, "init", "init:prepare_folder", "Prepare a folder: settings, key and database."),
        (ADMIN, "database", "database:app", "The database and its schema."),
        (ADMIN, "demo", "demo:show_demo", "Run a made-up office on this machine."),
        (ADMIN, "inbox", "inbox:show_inbox", "Show caught mails on a local page."),
        (ADMIN, "catch", "catch:catch_mail", "Run a relay that stores mails and delivers none."),
    )
)


class RootGroup(PanelGroup):
    """The command `mailer`."""

    def __init__(self, **attributes: object) -> None:
        super().__init__(**attributes)  # type: ignore[arg-type]
        for entry in COMMANDS:
            self.add_command(LazyCommand(entry))
