"""Schedules: rules, observances and free days, and the occurrences that they give.

    rules.py          the dates that a rule names: recurrences, days around an observance, one day
    rule_syntax.py    rules as staff write them
    observances.py    named days by rule
    holidays.py       free days: public holidays and blackouts
    local_time.py     local time in a zone -> UTC
    occurrences.py    a schedule -> its occurrences
    records.py        schedules of digests, blackouts, and the verbs on them

Schedules are pure: `now` is passed in.
"""
