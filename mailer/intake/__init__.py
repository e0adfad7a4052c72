"""Files -> articles and rows. Reads what people hand us, and says by file and line what is wrong.

markup.py     Markdown and HTML -> sanitised HTML
files.py      Markdown files with front matter -> Content
calendars.py  iCalendar files -> observances, and back
table.py      CSV files -> rows of people, and back
"""
