"""The store of articles, composed of its parts."""

from mailer.store.articles import ArticleQueries
from mailer.store.releases.files import BoilerplateQueries


class SqlArticleStore(ArticleQueries, BoilerplateQueries):
    """Articles and boilerplates."""
