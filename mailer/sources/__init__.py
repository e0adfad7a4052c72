"""Sources: feeds, WordPress sites and folders that articles are imported from automatically.

    settings.py    add, find and resume sources, and record the results of reading them
    decisions.py   decide what to do with an entry or a file (pure code)
    stored_entries.py  load what a decision needs
    importing.py   apply the decisions, and poll a source from reading to saving

An imported article is a draft until staff queue it, unless the source may queue articles itself. A
known entry is found by its key, or by identical content under a new key. If the content has
changed, the draft is revised; otherwise nothing happens. Only a source that may queue articles can
revise queued articles, since other sources must not change the articles that the office has chosen.

`mailer/intake` reads and fetches. The calling command or worker passes a
:class:`~mailer.model.sources.Reader` to the verbs.
"""

from mailer.sources.decisions import (
    ArticleImport,
    EntryDecision,
    ImportAction,
    StoredEntry,
    compute_fingerprint,
    decide_import,
)
from mailer.sources.entry_reports import describe_gaps, describe_omissions
from mailer.sources.importing import (
    ImportResult,
    apply_import,
    import_draft,
    poll_source,
    save_file,
)
from mailer.sources.settings import (
    add_source,
    get_source,
    list_due_sources,
    record_failure,
    record_success,
    reload_source,
    remove_source,
    resume_source,
)

__all__ = [
    "ArticleImport",
    "EntryDecision",
    "ImportAction",
    "ImportResult",
    "StoredEntry",
    "add_source",
    "apply_import",
    "compute_fingerprint",
    "decide_import",
    "describe_gaps",
    "describe_omissions",
    "get_source",
    "import_draft",
    "list_due_sources",
    "poll_source",
    "record_failure",
    "record_success",
    "reload_source",
    "remove_source",
    "resume_source",
    "save_file",
]
