"""Read files, feeds and web pages as articles, and tables as rows.

Everything from outside the office is checked before another program opens it: an address before it
is fetched, and an archive, a document or a picture before it is parsed. Errors name the file and
the line. Nothing here touches the database.

markup.py           Markdown and HTML -> sanitised HTML
named_files.py      files that a person or an article names -> bytes
files.py            Markdown files with front matter -> Content
fields.py           values of front matter -> fields of an article
releases.py         front matter of a press release, and the files that it names
normalise/          HTML from any source -> equivalent Markdown
drafts.py           an article of a source -> a draft: checked Content
sources.py          a source -> its present drafts and files
word.py             Word files, and HTML pasted from word processors -> drafts
word_parts/         Word files -> the parts of their markup that mammoth reads
dates.py            dates as people and programs write them -> moments
feeds.py            RSS and Atom feeds -> drafts
feed_repair.py      broken XML of feeds -> XML that its parser reads
wordpress.py        posts of a WordPress site -> drafts
pages.py            the article on a web page -> a draft
page_dates.py       the publication date that a page states
page_pictures.py    the pictures of a page -> pictures in a text
omissions.py        the parts of a source that a draft leaves out
embedded_images.py  pictures within a file -> files that a press release offers
draft_pictures.py   pictures of Word files and pages -> pictures in a text
characters.py       bytes -> text, even if a wrong encoding is declared
charsets.py         names of charsets that are trusted
extra.py            packages of the extra "intake", imported when needed
calendars.py        iCalendar files -> observances, and back
csv_reader.py       CSV files, line by line
table.py            files of people -> rows, and people -> CSV files
contacts.py         CSV files of media contacts -> rows
exports/            files that listmonk, Mailchimp and Mailman export -> rows
suppressions.py     files of addresses that must not be mailed, and back
request_fields.py   fields of requests: user agent and validators
fetching/           web addresses -> their content, only from public networks
archives.py         checks that zip archives unpack to the sizes that they declare
documents.py        checks that XML declares nothing
pictures.py         type and size of a picture, without decoding it
picture_files.py    pictures that people, articles and documents bring -> assets
article_pictures.py pictures that an article names by their files
renditions.py       pictures -> the sizes that mails and pages show, made in
                    rendition_process.py, a process with bounds
"""
