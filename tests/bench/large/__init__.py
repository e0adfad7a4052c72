"""The large data set: an office with years of editions, made directly in the tables.

dataset.py        fills a database of either kind, at any scale
row_copies.py     rows made in bulk: copies of rows that verbs have made
people.py  stories.py  history.py  deliveries.py   its parts
offices.py        an office in a folder, with this data
commands.py       the commands and pages that staff and readers use every day
command_parts.py  part of the bench: these at one scale and at a hundredth of it
"""
