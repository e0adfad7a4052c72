"""The stories of the bench's digest: twelve invented stories, each on a topic of its own."""

_TEXT = """\
clinics: A clinic on the quay opens its doors to all who have just arrived
Nurses who speak eight languages see patients without an appointment from Monday to Thursday;
vaccinations and the first check of a child's health are free, and no papers are asked for.

health: What a year of visits to the hostels has taught the health visitors
Sleep, teeth and worry come before all else: the report on 1,400 visits asks for quiet rooms, a
dentist's chair in each district, and someone to talk to in the evening.

diaspora: Engineers abroad mend the water works of the towns they come from
By video and, in summer, by hand: forty engineers have signed up to look after pumps and pipes
in nineteen towns, and a fund pays for the parts that they ask for.

remittances: Sending money home is to cost three in a hundred, says a new agreement
Five banks and two services by telephone have agreed on a ceiling for small amounts; the office
will publish each month what each of them really charges.

skills: Papers that employers understand: skills are to be certified within six weeks
Welders, carers and cooks show what they can in a workshop instead of a file; the first two
hundred certificates were handed over in the town hall last week.

seafarers: Fair hiring at sea: an agreement on who pays for a seafarer's contract
The ship's owner pays, never the crew. Inspectors in four ports may now ask for the receipts,
and a line for complaints answers in Tagalog, Hindi, English and French.

schools: Every child in a classroom by the first day of the spring term
Eleven schools have made room for preparatory classes of at most fifteen children; lessons in
the language of the home remain on Saturdays, and the bus is paid for.

parents: Café des parents: how mothers and fathers find their way through the forms
Once a week, with coffee and an interpreter, parents fill in together what the school sends
them; the idea came from Orléans and is now at home in seven of our schools.

family: What the new rules on family reunion change, and from which day on
Applications can be made from here, the fee falls by half, and a decision is due after nine
months at the latest; a leaflet in twelve languages explains each step.

advice: Free advice on Fridays: lawyers' hours in the library are to continue
Bring letters, even old ones: the lawyers looked at 612 cases last year, and in every third of
them a deadline that seemed lost could still be saved.

music: A choir of twelve languages sings by the water on the last evening of May
Rehearsals are on Wednesdays and need no experience; the programme goes from lullabies to sea
shanties, and whoever knows a song that is missing should bring it along.

photographs: Photographs of arrival: an exhibition that begins in your own drawer
The museum asks for pictures of a first day: a platform, a room, a plate. What is lent will be
copied, given back and shown from autumn on, with the story that belongs to it.
"""


def _parse_story(paragraph: str) -> tuple[str, str, str]:
    heading, _, summary = paragraph.partition("\n")
    topic, _, title = heading.partition(": ")
    return topic, title, " ".join(summary.split())


STORIES = [_parse_story(paragraph) for paragraph in _TEXT.split("\n\n")]
"""The topic, title and summary of each story."""

TOPICS = tuple(topic for topic, _, _ in STORIES)
