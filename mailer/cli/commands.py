"""The table of commands, in the order in which people usually need them."""

from mailer.cli.command_groups import CommandEntry, LazyCommand, PanelGroup

CONTENT = "Content"
PEOPLE = "People"
SENDING = "Sending"
CALENDAR = "Calendar"
PRESS = "Press"
SERVER = "Server"
ADMIN = "Admin"

COMMANDS = (
    CommandEntry(
        "topic", "topic:app", CONTENT, "Topics: subjects of articles, for subscribers to choose."
    ),
    CommandEntry(
        "article", "article:app", CONTENT, "Articles: texts for mails, each text in one language."
    ),
    CommandEntry(
        "asset", "asset:app", CONTENT, "Assets: pictures for mails and pages, stored once."
    ),
    CommandEntry(
        "source", "source:app", CONTENT, "Sources: feeds, sites and folders that bring articles."
    ),
    CommandEntry(
        "template", "template:app", CONTENT, "Templates: how mails look, and what they can print."
    ),
    CommandEntry("list", "mailing_list:app", PEOPLE, "Mailing lists."),
    CommandEntry("subscriber", "subscriber:app", PEOPLE, "Subscribers, and their lists."),
    CommandEntry(
        "segment", "segment:app", PEOPLE, "Segments: saved filters over a list's members."
    ),
    CommandEntry("suppression", "suppression:app", PEOPLE, "Addresses that must not be mailed."),
    CommandEntry("digest", "digest:app", SENDING, "Digests: standing orders for editions."),
    CommandEntry(
        "edition",
        "edition:app",
        SENDING,
        "Editions: mailings to a list, from draft to sent.",
    ),
    CommandEntry(
        "send",
        "sending:send_editions",
        SENDING,
        "Send approved editions, or continue interrupted ones.",
    ),
    CommandEntry(
        "delivery",
        "delivery:app",
        SENDING,
        "Deliveries: each delivery is one edition to one address.",
    ),
    CommandEntry(
        "explain",
        "explain:explain_delivery",
        SENDING,
        "Explain in one sentence why a person got an edition or did not get it.",
    ),
    CommandEntry(
        "report",
        "report:app",
        SENDING,
        "Reports: readers, mails, and people who joined and left, in numbers.",
    ),
    CommandEntry("schedule", "schedule:app", CALENDAR, "Schedules: when a digest is sent."),
    CommandEntry(
        "blackout", "blackout:app", CALENDAR, "Blackouts: days on which no digest is sent."
    ),
    CommandEntry(
        "observance",
        "observance:app",
        CALENDAR,
        "Observances: named days that schedules can count from.",
    ),
    CommandEntry(
        "contact", "contact:app", PRESS, "Media contacts: journalists and what they cover."
    ),
    CommandEntry(
        "boilerplate", "boilerplate:app", PRESS, "Boilerplate: the text about an organisation."
    ),
    CommandEntry("release", "release:app", PRESS, "Press releases: from a file to journalists."),
    CommandEntry(
        "embargo",
        "embargo:app",
        PRESS,
        "Embargoes: times before which only trusted contacts get a story.",
    ),
    CommandEntry(
        "worker",
        "worker:run_worker",
        SERVER,
        "Run the process that keeps the calendar and delivers.",
    ),
    CommandEntry(
        "status",
        "status:show_status",
        SERVER,
        "Show whether mail is going out, and which editions are due, sending, waiting or failed.",
    ),
    CommandEntry("serve", "serve:serve_pages", SERVER, "Serve the public pages until stopped."),
    CommandEntry(
        "init", "init:prepare_folder", ADMIN, "Prepare a folder: settings, secret key and database."
    ),
    CommandEntry(
        "config",
        "configuration:app",
        ADMIN,
        "The settings: check them, or describe them to an editor.",
    ),
    CommandEntry("database", "database:app", ADMIN, "The database, its schema and its backups."),
    CommandEntry("secret", "secret:app", ADMIN, "The keys that sign the links in mails."),
    CommandEntry("demo", "demo:show_demo", ADMIN, "Run a made-up office on this machine."),
    CommandEntry(
        "inbox", "inbox:show_inbox", ADMIN, "Show caught mails on a local page until Ctrl-C."
    ),
    CommandEntry(
        "catch",
        "catch:catch_mail",
        ADMIN,
        "Run a relay that stores messages as files and delivers none.",
    ),
)


class RootGroup(PanelGroup):
    """The command `mailer`."""

    def __init__(self, **attributes: object) -> None:
        super().__init__(**attributes)  # type: ignore[arg-type]
        for entry in COMMANDS:
            self.add_command(LazyCommand(entry))
