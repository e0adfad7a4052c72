"""The public pages, each with a link of a reader of its own."""

import random
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

from mailer import tokens
from mailer.audience import links
from mailer.audience.links import MemberLink, Purpose
from tests.bench.web.client import Request

TOPIC = "health"


class Pages:
    """Requests by kind, for the reader of a number; `key` signs links, `readers` have the numbers
    from 1 on."""

    def __init__(self, key: bytes, readers: int, topic: str, issue: str) -> None:
        self._key = key
        self._readers = readers
        self._topic = topic
        self._issue = issue
        self._chance = random.Random(1812)

    def _token(self, purpose: Purpose) -> str:
        number = self._chance.randint(1, self._readers)
        return links.sign_member(self._key, purpose, MemberLink(number, 1, 1))

    @property
    def kinds(self) -> dict[str, Callable[[], Request]]:
        return {
            "sign-up page": lambda: Request("sign-up page", "GET", "/subscribe"),
            "sign-up": self._sign_up,
            "preferences page": lambda: self._of("preferences page", "GET", "p", "preferences"),
            "preferences": self._save,
            "unsubscribe page": lambda: self._of("unsubscribe page", "GET", "u", "unsubscribe"),
            "one-click": self._one_click,
            "about me": self._about_me,
            "archive": lambda: Request("archive", "GET", "/archive/news"),
            "search": lambda: Request("search", "GET", f"/archive/news?q={self._topic}"),
            "mail in browser": self._view,
            "issue": lambda: Request("issue", "GET", f"/archive/news/{self._issue}"),
            "feed": lambda: Request("feed", "GET", "/archive/news/atom.xml"),
            "healthz": lambda: Request("healthz", "GET", "/healthz"),
        }

    def _of(self, kind: str, method: str, page: str, purpose: str) -> Request:
        return Request(kind, method, f"/{page}/{self._token(Purpose(purpose))}")

    def _view(self) -> Request:
        token = tokens.sign(self._key, Purpose.VIEW, 1, "en", f"{self._chance.randint(1, 7):x}")
        return Request("mail in browser", "GET", f"/v/{token}")

    def _sign_up(self) -> Request:
        number = self._chance.randrange(10**9)
        body = urlencode({"email": f"new{number}@example{number % 991}.org", "list": "news"})
        return Request("sign-up", "POST", "/subscribe", body.encode())

    def _save(self) -> Request:
        body = [("list", "news"), ("topic news", self._topic), ("language", "fr")]
        path = f"/p/{self._token(Purpose.PREFERENCES)}"
        return Request("preferences", "POST", path, urlencode(body).encode())

    def _one_click(self) -> Request:
        path = f"/u/{self._token(Purpose.UNSUBSCRIBE)}"
        return Request("one-click", "POST", path, b"List-Unsubscribe=One-Click")

    def _about_me(self) -> Request:
        path = f"/p/{self._token(Purpose.PREFERENCES)}/about-me.json"
        return Request("about me", "GET", path)

    def mixed(self, count: int) -> Iterator[Request]:
        """Public traffic as a send brings it: mostly looking, some leaving, some signing up."""
        shares = {
            "mail in browser": 20, "issue": 5, "archive": 10, "search": 5, "feed": 5,
            "sign-up page": 10, "sign-up": 10, "preferences page": 10, "preferences": 5,
            "unsubscribe page": 5, "one-click": 15,
        }  # fmt: skip
        kinds = self.kinds
        for kind in self._chance.choices(list(shares), list(shares.values()), k=count):
            yield kinds[kind]()
