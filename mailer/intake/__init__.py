"""Files -> articles and rows. Reads what people hand us, and says by file and line what is wrong.

What comes from outside the office passes a look at it first: an address before it is fetched, an
archive, a document and a picture before anything opens them.

markup.py        Markdown and HTML -> sanitised HTML
files.py         Markdown files with front matter -> Content
tidy/            HTML of any provenance -> Markdown that says the same
drafts.py        what a source says of an article -> a draft: checked Content
word.py          Word files, and what is pasted from word processors -> drafts
feeds.py         RSS and Atom -> drafts
wordpress.py     posts of a WordPress site -> drafts
pages.py         the article on a web page -> a draft
dropped.py       what of a source did not become part of a draft
characters.py    bytes -> text, where what they say of themselves is wrong
extra.py         the packages of pressmail[intake], imported when needed
calendars.py     iCalendar files -> observances, and back
sheets.py        CSV files, line by line
table.py         files of people -> rows, and people -> CSV files
exports.py       what listmonk, Mailchimp and Mailman export -> rows
suppressions.py  files of addresses that must not be mailed, and back
fetching/        web addresses -> their content, and never into a network that is not public
archives.py      zip archives that unpack to what they say
documents.py     XML that declares nothing
carried.py       pictures that a file carries, as assets of a press release
pictures.py      what a picture is, without decoding it
charsets.py      names of charsets that are believed
"""
