"""The check of requests at every port of `make run`: it refuses those of foreign web pages.

Any page in a browser on this machine can send requests to 127.0.0.1. Three
request headers say where a request comes from, and no page can change them: Host, Origin (Fetch
standard) and Sec-Fetch-Site (Fetch Metadata). Programs such as curl and boto3 send only the first.
"""

# The standard library alone: the local AWS's own Python loads this, too.
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Headers = Iterable[tuple[str, str]]

HERE = ("127.0.0.1", "localhost")  # the servers listen nowhere else
READING = ("GET", "HEAD")
FROM_PAGES = ("origin", "sec-fetch-site")
HIDDEN = "null"  # the Origin after a redirect across origins, and of a sandboxed page


@dataclass(frozen=True)
class Gate:
    hosts: tuple[str, ...] = HERE
    """The names by which this machine may be called; `.localhost` stands for all names below it."""
    origins: tuple[str, ...] = ()
    """The origins whose pages may call, beside pages that come from the called port itself."""

    def refusal(self, method: str, headers: Headers, *, by_link: bool = False) -> str | None:
        """Why a request is refused, as a sentence; None if it is allowed.

        With `by_link` the URL is a credential of its own, as a presigned one is. Then every page
        that has it may show or read what it leads to, also where a redirect has hidden its origin.
        """
        sent = by_name(headers)
        if refusal := self._other_host(sent):
            return refusal
        if (origin := sent.get("origin")) is not None:
            if origin in self.origins or (by_link and origin == HIDDEN):
                return None
            if origin.lower().partition("://")[2] == sent.get("host", "").lower():
                return None
            return (
                f"Pages of {origin} may not call this port."
                " ALLOWED_ORIGIN in .chalice/config.json names the one origin that may."
            )
        if sent.get("sec-fetch-site", "none") in ("none", "same-origin"):
            return None
        if method in READING and (by_link or _opens_a_page(sent)):
            return None
        return "Pages of other origins may not call this port."

    def refusal_of_pages(self, headers: Headers) -> str | None:
        """As above, for calls by programs only: a request of any page is refused."""
        sent = by_name(headers)
        if refusal := self._other_host(sent):
            return refusal
        if any(name in sent for name in FROM_PAGES):
            return "Programs may call this, and web pages may not."
        return None

    def _other_host(self, sent: dict[str, str]) -> str | None:
        """A foreign page whose name resolves to this machine would count as the port's own."""
        name = sent.get("host", HERE[0]).lower().partition(":")[0]
        if name in self.hosts or any(
            one.startswith(".") and name.endswith(one) for one in self.hosts
        ):
            return None
        return "This server is for this machine alone: call it by 127.0.0.1 or localhost."


def by_name(headers: Headers) -> dict[str, str]:
    """Headers by lowercase name. A repeated one is joined, so that no check accepts it."""
    sent: dict[str, str] = {}
    for name, value in headers:
        name = name.lower()
        sent[name] = f"{sent[name]}, {value}" if name in sent else value
    return sent


def _opens_a_page(sent: dict[str, str]) -> bool:
    """A link that someone follows; what it opens is shown to them alone."""
    return sent.get("sec-fetch-mode") == "navigate" and sent.get("sec-fetch-dest") == "document"
