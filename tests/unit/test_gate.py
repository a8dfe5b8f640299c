"""The gate of `make run`: which requests come from pages that may not call this machine."""

from __future__ import annotations

import pytest

from local.gate import Gate
from local.settings import read_settings
from local.stage import read_gate

PAGE = "https://app.example.com"
HERE = {"Host": "127.0.0.1:8000"}
GATE = Gate(origins=(PAGE,))


def refusal(method: str = "GET", by_link: bool = False, **headers: str) -> str | None:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return GATE.refusal(method, {**HERE, **sent}.items(), by_link=by_link)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_programs_pass(method: str) -> None:
    assert refusal(method) is None
    assert GATE.refusal(method, []) is None, "HTTP/1.0 has no Host"
    assert GATE.refusal_of_pages(HERE.items()) is None


@pytest.mark.parametrize("by_link", [True, False])
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.nip.io",
        "localhost.evil.example",
        "evil.localhost",
        "[::1]:8000",
        "[::",
        "0.0.0.0:8000",
        "127.1",
        "127.0.0.1, evil.example",
    ],
)
def test_a_name_that_leads_here_does_not_make_a_page_our_own(host: str, by_link: bool) -> None:
    assert refusal(Host=host, by_link=by_link)
    assert refusal(Host=host, Origin=f"http://{host}", Sec_Fetch_Site="same-origin")
    assert GATE.refusal_of_pages([("Host", host)])


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://127.0.0.1:3000",
        "http://localhost:8000",
        "",
        f"{PAGE}, https://evil.example",
        f"{PAGE}.evil.example",
    ],
)
def test_pages_of_other_origins_are_refused(method: str, origin: str) -> None:
    why = refusal(method, Origin=origin)
    assert why
    assert origin in why, "it names the origin, and where another is allowed"
    assert "ALLOWED_ORIGIN" in why


def test_two_origins_are_not_an_allowed_one() -> None:
    twice = [*HERE.items(), ("Origin", PAGE), ("origin", PAGE)]
    assert GATE.refusal("POST", twice)


@pytest.mark.parametrize("site", ["same-site", "cross-site", "another word"])
def test_what_a_foreign_page_embeds_is_refused(site: str) -> None:
    """An image, a script or a form that is sent by GET bears no Origin."""
    assert refusal(Sec_Fetch_Site=site, Sec_Fetch_Dest="image")
    assert refusal(Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="iframe")


def test_a_link_to_a_page_of_ours_may_be_followed_from_anywhere() -> None:
    sent = {**HERE, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    followed = {**sent, "Sec-Fetch-Dest": "document"}.items()
    assert GATE.refusal("GET", followed) is None
    assert GATE.refusal("POST", followed)


@pytest.mark.parametrize("origin", [PAGE, "http://127.0.0.1:8000", "https://127.0.0.1:8000"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_pages_of_the_port_and_of_the_allowed_origin_pass(method: str, origin: str) -> None:
    assert refusal(method, Origin=origin) is None
    assert refusal(Sec_Fetch_Site="same-origin") is None
    assert refusal(Sec_Fetch_Site="none") is None, "an address that was typed"


def test_a_link_with_its_own_credential_shows_what_it_leads_to_on_every_page() -> None:
    assert refusal(Sec_Fetch_Site="cross-site", by_link=True) is None
    assert refusal(Origin="null", by_link=True) is None, "redirects hide the origin"
    assert refusal(Origin="https://evil.example", by_link=True)
    assert refusal("PUT", Sec_Fetch_Site="cross-site", by_link=True)


@pytest.mark.parametrize(
    "header",
    [("Origin", PAGE), ("Origin", "http://127.0.0.1:8000")]
    + [("Sec-Fetch-Site", site) for site in ("none", "same-origin", "same-site", "cross-site")],
)
def test_what_only_programs_may_call_no_page_may(header: tuple[str, str]) -> None:
    assert GATE.refusal_of_pages([*HERE.items(), header])


def test_the_stage_says_which_pages_may_call() -> None:
    gate = read_gate(read_settings({"PORT": "9001"}))
    assert gate.hosts == ("127.0.0.1", "localhost")
    assert gate.origins == ("http://127.0.0.1:9001", "http://localhost:9001")


def test_a_public_url_and_an_allowed_origin_are_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"PUBLIC_URL": "https://tunnel.example/api", "ALLOWED_ORIGIN": PAGE}
    monkeypatch.setattr("local.stage.with_chosen_ports", lambda *_: variables)
    gate = read_gate(read_settings({}))
    assert "tunnel.example" in gate.hosts
    assert {"https://tunnel.example", PAGE} < set(gate.origins)
