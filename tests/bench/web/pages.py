"""Requests for the public pages, each with another reader's link."""

import random
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

from mailer import tokens
from mailer.audience import links
from mailer.audience.links import LinkPurpose, MemberLink
from tests.bench.web.client import BenchRequest

TOPIC = "health"


class PageRequests:
    """Makes requests by kind, for random readers. `key` signs links; readers have the ids from 1 to
    `reader_count`."""

    def __init__(self, key: bytes, reader_count: int, topic: str, issue: str) -> None:
        self._key = key
        self._reader_count = reader_count
        self._topic = topic
        self._issue = issue
        self._chance = random.Random(1812)

    def _sign_token(self, purpose: LinkPurpose) -> str:
        number = self._chance.randint(1, self._reader_count)
        return links.sign_member_link(self._key, purpose, MemberLink(number, 1, 1))

    @property
    def kinds(self) -> dict[str, Callable[[], BenchRequest]]:
        return {
            "sign-up page": lambda: BenchRequest("sign-up page", "GET", "/subscribe"),
            "sign-up": self._request_sign_up,
            "preferences page": lambda: self._request_page(
                "preferences page", "GET", "p", "preferences"
            ),
            "preferences": self._request_save,
            "unsubscribe page": lambda: self._request_page(
                "unsubscribe page", "GET", "u", "unsubscribe"
            ),
            "one-click": self._request_one_click,
            "about me": self._request_about_me,
            "archive": lambda: BenchRequest("archive", "GET", "/archive/news"),
            "search": lambda: BenchRequest("search", "GET", f"/archive/news?q={self._topic}"),
            "mail in browser": self._request_view,
            "issue": lambda: BenchRequest("issue", "GET", f"/archive/news/{self._issue}"),
            "feed": lambda: BenchRequest("feed", "GET", "/archive/news/atom.xml"),
            "healthz": lambda: BenchRequest("healthz", "GET", "/healthz"),
        }

    def _request_page(self, kind: str, method: str, page: str, purpose: str) -> BenchRequest:
        return BenchRequest(kind, method, f"/{page}/{self._sign_token(LinkPurpose(purpose))}")

    def _request_view(self) -> BenchRequest:
        token = tokens.sign_token(
            self._key, LinkPurpose.VIEW, 1, "en", f"{self._chance.randint(1, 7):x}"
        )
        return BenchRequest("mail in browser", "GET", f"/v/{token}")

    def _request_sign_up(self) -> BenchRequest:
        number = self._chance.randrange(10**9)
        body = urlencode({"email": f"new{number}@example{number % 991}.org", "list": "news"})
        return BenchRequest("sign-up", "POST", "/subscribe", body.encode())

    def _request_save(self) -> BenchRequest:
        body = [("list", "news"), ("topic news", self._topic), ("language", "fr")]
        path = f"/p/{self._sign_token(LinkPurpose.PREFERENCES)}"
        return BenchRequest("preferences", "POST", path, urlencode(body).encode())

    def _request_one_click(self) -> BenchRequest:
        path = f"/u/{self._sign_token(LinkPurpose.UNSUBSCRIBE)}"
        return BenchRequest("one-click", "POST", path, b"List-Unsubscribe=One-Click")

    def _request_about_me(self) -> BenchRequest:
        path = f"/p/{self._sign_token(LinkPurpose.PREFERENCES)}/about-me.json"
        return BenchRequest("about me", "GET", path)

    def generate_mixed_traffic(self, count: int) -> Iterator[BenchRequest]:
        """Generate public traffic like that after a send: mostly reading, some unsubscribing, some
        signing up."""
        shares = {
            "mail in browser": 20,
            "issue": 5,
            "archive": 10,
            "search": 5,
            "feed": 5,
            "sign-up page": 10,
            "sign-up": 10,
            "preferences page": 10,
            "preferences": 5,
            "unsubscribe page": 5,
            "one-click": 15,
        }
        kinds = self.kinds
        for kind in self._chance.choices(list(shares), list(shares.values()), k=count):
            yield kinds[kind]()
