"""Files -> articles and rows. Reads what people hand us, and says by file and line what is wrong.

markup.py        Markdown and HTML -> sanitised HTML
files.py         Markdown files with front matter -> Content
calendars.py     iCalendar files -> observances, and back
sheets.py        CSV files, line by line
table.py         files of people -> rows, and people -> CSV files
exports.py       what listmonk, Mailchimp and Mailman export -> rows
suppressions.py  files of addresses that must not be mailed, and back
"""
