"""The group of commands about schedules."""

from mailer.cli.command_groups import CommandGroup

app = CommandGroup(
    help="Schedules: when a digest is sent.\n\n"
    "A rule is 'daily', 'weekdays', 'every Thursday', 'weekly on Tue and Thu', 'every 2 weeks on "
    "Monday', 'monthly on the first Monday', 'yearly on 18 December', '2027-12-18', "
    "'RRULE:FREQ=…', 'on migrants-day', or days around an observance: 'migrants-day: each weekday "
    "from 7 days before, then on the day'. A time may follow: 'every Thursday at 9am'.",
)

RULES = "Rules"
OCCURRENCES = "Single occurrences"
