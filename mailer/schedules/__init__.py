"""Schedules: rules, observances and free days, and the occurrences that they give.

    rules.py            the dates that a rule names: recurrences, days around an observance, one day
    rule_syntax.py      rules as staff write them
    observances.py      named days by rule
    own_observances.py  adds to the organisation's own file of observances
    holidays.py         free days: public holidays and blackouts
    local_time.py       local time in a zone -> UTC
    durations.py        lengths of time as staff write them
    occurrences.py      a schedule -> its occurrences

All but `own_observances.py` is pure: `now` is passed in.
"""
