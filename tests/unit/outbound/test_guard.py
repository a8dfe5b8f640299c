"""There is no way in, whatever URL a client gives and whatever its name resolves to."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

import pytest

from chalicelib.domain.errors import PermanentError
from chalicelib.outbound.guard import Guard, Target

PUBLIC, LOOPBACK, METADATA = "93.184.216.34", "127.0.0.1", "169.254.169.254"
LOCAL = tuple(map(ip_network, ("127.0.0.0/8", "::1/128")))


def resolving_to(*addresses: str, hosts: tuple[str, ...] = ("*",)) -> Guard:
    return Guard(hosts=hosts, resolve=lambda host, port: addresses)


def names_are_not_asked(host: str, port: int) -> Iterable[str]:
    raise AssertionError(f"{host} was resolved")


# ── by its looks ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://example.com", Target("https", "example.com", 443, "/")),
        ("https://example.com:443/a?b=c#d", Target("https", "example.com", 443, "/a?b=c")),
        ("HTTPS://Example.COM/a%20b", Target("https", "example.com", 443, "/a%20b")),
        ("https://example.com?q", Target("https", "example.com", 443, "/?q")),
        ("https://xn--bcher-kva.example/", Target("https", "xn--bcher-kva.example", 443, "/")),
        ("https://Example.com./a", Target("https", "example.com", 443, "/a")),
        ("https://example.com.:443/", Target("https", "example.com", 443, "/")),
        ("https://a_b.example//x", Target("https", "a_b.example", 443, "//x")),
        ("https://8.8.8.8/", Target("https", "8.8.8.8", 443, "/")),
        ("https://[2606:4700::1111]/", Target("https", "2606:4700::1111", 443, "/")),
    ],
)
def test_a_public_https_url_may_be_called(url: str, target: Target) -> None:
    assert Guard(resolve=names_are_not_asked).judge(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://127.8.8.8/",
        "https://10.0.0.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://192.0.2.1/",
        "https://0.0.0.0/",
        "https://255.255.255.255/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[64:ff9b:1::a9fe:a9fe]/",
        "https://[2002:7f00:1::]/",
        "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
        "https://[fd00:ec2::254]/",
        "https://[fe80::1]/",
        "https://[fec0::1]/",
        "https://[ff02::1]/",
    ],
)
def test_an_address_inside_is_refused(url: str) -> None:
    with pytest.raises(PermanentError, match="not in the public internet"):
        Guard().judge(url)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f.1",
        "127.1",
        "127.0.1",
        "127.0.0.01",
        "1.2.3.4.5",
        "example.1",
        "127.0.0.1.",
        "127.1.",
        "[::1].",
        "[2606:4700::1111].example.com",
        "example.com..",
        ".",
        "example..com",
        ".example.com",
        "-example.com",
        "example-.com",
        "exa mple.com",
        "exam%70le.com",
        "127.0.0.1%00.example.com",
        "[::1%25eth0]",
        "[fe80::1%eth0]",
        "[::1",
        "[127.0.0.1]",
        "[v1.x]",
        "::1",
        "example.com,127.0.0.1",
        "a" * 64 + ".com",
        ".".join(["a" * 60] * 5),
        "",
        "127。0。0。1",
        "\uff11\uff12\uff17.0.0.1",
        "ⓔxample.com",
        "loca\u00adlhost",
        "bücher.example",
        "ʟocalhost",
    ],
)
def test_a_host_that_is_not_written_in_its_one_usual_form_is_refused(host: str) -> None:
    guard = Guard(networks=LOCAL, resolve=names_are_not_asked)
    for url in (f"https://{host}/", f"http://{host}:9001/"):
        with pytest.raises(PermanentError):
            guard.judge(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "/jobs",
        "//example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "https:/example.com",
        "https:example.com",
        "https://",
        "https:///path",
        "https://user@example.com/",
        "https://user:pass@example.com/",
        "https://@example.com/",
        "https://example.com\\@127.0.0.1/",
        "https://127.0.0.1\\.example.com/",
        "https://example.com\t/",
        "https://exam\nple.com/",
        "https://example.com/\r\nHost: inside",
        " https://example.com/",
        "https://example.com/a b",
        "https://example.com/\x00",
        "https://example.com/ü",
        "https://example.com:/",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:-1/",
        "https://example.com:x/",
        "https://example.com:٤٤٣/",
    ],
)
def test_a_malformed_url_is_refused(url: str) -> None:
    with pytest.raises(PermanentError):
        Guard(networks=LOCAL, resolve=names_are_not_asked).judge(url)


@pytest.mark.parametrize(
    "url", ["http://example.com/", "http://8.8.8.8/", "http://example.com:443/"]
)
def test_plain_http_is_refused(url: str) -> None:
    with pytest.raises(PermanentError, match="https"):
        Guard().judge(url)


@pytest.mark.parametrize("port", [22, 80, 8443, 9001, 9200])
def test_an_odd_port_is_refused(port: int) -> None:
    for host in ("example.com", "8.8.8.8"):
        with pytest.raises(PermanentError, match=f"ALLOWED_HOSTS .* {host}:{port}"):
            Guard().judge(f"https://{host}:{port}/")


# ── what a stage allows ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        (("example.com",), "https://example.com/"),
        (("Example.com",), "https://EXAMPLE.com/"),
        (("*.example.com",), "https://api.example.com/"),
        (("example.com",), "https://example.com./"),
        (("example.com:8443",), "https://example.com:8443/"),
        (("*", "*.example.com:8443"), "https://api.example.com:8443/"),
    ],
)
def test_a_listed_host_may_be_called(hosts: tuple[str, ...], url: str) -> None:
    assert resolving_to(PUBLIC, hosts=hosts).judge(url).scheme == "https"


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        ((), "https://example.com/"),
        (("example.com",), "https://api.example.com/"),
        (("*.example.com",), "https://example.com/"),
        (("*.example.com",), "https://example.com.attacker.net/"),
        (("*.example.com",), "https://badexample.com/"),
        (("example.com:8443",), "https://example.com/"),
        (("example.com",), "https://example.com:8443/"),
        (("*",), "https://example.com:8443/"),
    ],
)
def test_a_host_that_is_not_listed_may_not(hosts: tuple[str, ...], url: str) -> None:
    with pytest.raises(PermanentError, match="ALLOWED_HOSTS"):
        resolving_to(PUBLIC, hosts=hosts).judge(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/", "http://[::1]:8000/", "https://127.0.0.1/"]
)
def test_in_an_allowed_network_anything_goes(url: str) -> None:
    guard = Guard(networks=LOCAL)
    assert [str(one) for one in guard.addresses(guard.judge(url))] in (["127.0.0.1"], ["::1"])


def test_an_allowed_network_opens_no_other() -> None:
    guard = Guard(networks=LOCAL, resolve=lambda host, port: (PUBLIC,))
    for url in ("http://169.254.169.254/", "https://10.0.0.1/", "https://[::ffff:127.0.0.1]/"):
        with pytest.raises(PermanentError):
            guard.judge(url)
    for url in ("http://example.com/", "https://example.com:8443/"):
        with pytest.raises(PermanentError):
            guard.addresses(guard.judge(url))


EVERYWHERE = tuple(map(ip_network, ("0.0.0.0/0", "::/0")))
DISGUISES = """
0.0.0.0 0.1.2.3 :: ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1
64:ff9b:1::127.0.0.1 2002:7f00:1:: 2001:0:7f00:1:: ::ffff:10.0.0.1 ::10.0.0.1
""".split()


def in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", *DISGUISES])
@pytest.mark.parametrize("runtime", ["127.0.0.1:9001", "localhost:9001"])
def test_lambdas_runtime_is_never_called_by_whatever_address(address: str, runtime: str) -> None:
    guard = Guard(networks=EVERYWHERE, never=(runtime,), resolve=lambda *_: (address,))
    for host in (in_url(address), "localhost", "any.example"):
        with pytest.raises(PermanentError, match=r"runtime|public"):
            guard.addresses(guard.judge(f"http://{host}:9001/2018-06-01/runtime/invocation/next"))


def test_the_runtime_is_known_by_its_address_where_it_is_on_another_machine() -> None:
    guard = Guard(networks=EVERYWHERE, never=("169.254.100.1:9001",))
    with pytest.raises(PermanentError, match="runtime"):
        guard.judge("http://169.254.100.1:9001/")
    assert guard.judge("http://169.254.100.1:9002/").port == 9002


def test_another_port_of_this_machine_is_no_runtime() -> None:
    guard = Guard(networks=LOCAL, never=("127.0.0.1:9001",), resolve=lambda *_: (LOOPBACK,))
    assert guard.addresses(guard.judge("http://localhost:9002/"))


@pytest.mark.parametrize("address", DISGUISES)
def test_no_list_of_networks_lets_in_an_address_in_disguise(address: str) -> None:
    guard = Guard(networks=EVERYWHERE, resolve=lambda *_: (address,))
    for host in (in_url(address), "any.example"):
        with pytest.raises(PermanentError):
            guard.addresses(guard.judge(f"http://{host}/"))


@pytest.mark.parametrize("address", ["::1", "fd00:ec2::254", "10.0.0.1", "169.254.1.1"])
def test_a_list_of_networks_lets_in_what_it_names_in_its_usual_form(address: str) -> None:
    assert Guard(networks=EVERYWHERE).judge(f"http://{in_url(address)}/").host == address


# ── by its addresses ──────────────────────────────────────────────────────────────────────


def test_a_name_leads_to_all_its_addresses() -> None:
    guard = resolving_to(PUBLIC, "2606:4700::1111")
    found = guard.addresses(guard.judge("https://example.com/"))
    assert [str(address) for address in found] == [PUBLIC, "2606:4700::1111"]


@pytest.mark.parametrize(
    "addresses",
    [
        (LOOPBACK,),
        (METADATA,),
        ("::1",),
        ("::ffff:127.0.0.1",),
        ("64:ff9b::a9fe:a9fe",),
        (PUBLIC, LOOPBACK),
        (LOOPBACK, PUBLIC),
        (PUBLIC, "fe80::1%eth0"),
        ("2606:4700::1111", "fd00::1"),
        (PUBLIC, "not an address"),
    ],
)
def test_a_name_with_one_address_inside_is_refused(addresses: tuple[str, ...]) -> None:
    guard = resolving_to(*addresses)
    with pytest.raises(PermanentError):
        guard.addresses(guard.judge("https://example.com/"))


def test_a_name_without_address_is_tried_again() -> None:
    guard = resolving_to()
    with pytest.raises(OSError, match="no address"):
        guard.addresses(guard.judge("https://example.com/"))


def test_an_address_is_not_resolved() -> None:
    guard = Guard(resolve=names_are_not_asked)
    assert [str(a) for a in guard.addresses(guard.judge(f"https://{PUBLIC}/"))] == [PUBLIC]


def test_the_systems_resolver_is_what_is_asked() -> None:
    guard = Guard(networks=LOCAL)
    found = {str(address) for address in guard.addresses(guard.judge("http://localhost:1/"))}
    assert LOOPBACK in found
    with pytest.raises(PermanentError):
        Guard().addresses(Guard().judge("https://localhost/"))
