"""What is outside and what is inside, on every Python alike."""

from __future__ import annotations

import pytest

from chalicelib.outbound.addresses import is_public, parse_address

OUTSIDE = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 52.94.236.248 100.63.255.255 100.128.0.0 126.255.255.255
128.0.0.0 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0
192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255
203.0.114.0 223.255.255.255
2000::1 2001:200::1 2001:4860:4860::8888 2003::1 2600:1f18::1 2606:4700:4700::1111 2a00::1
3ffe:ffff::1 3fff:1000::1
64:ff9b::8.8.8.8
""".split()

INSIDE = """
0.0.0.0 0.0.0.1 0.255.255.255
10.0.0.0 10.255.255.255
100.64.0.0 100.100.100.200 100.127.255.255
127.0.0.1 127.1.2.3 127.255.255.255
169.254.0.0 169.254.169.254 169.254.170.2 169.254.255.255
172.16.0.0 172.31.255.255
192.0.0.0 192.0.0.8 192.0.0.170 192.0.0.255
192.0.2.0 192.0.2.255
192.88.99.1
192.168.0.0 192.168.255.255
198.18.0.0 198.19.255.255
198.51.100.1 203.0.113.255
224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::2
::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:8.8.8.8 ::127.0.0.1 ::8.8.8.8 ::ffff:0:10.0.0.1
64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b::100.64.0.1
64:ff9b:1::1 64:ff9b:1::8.8.8.8 64:ff9b:1:fffe::169.254.169.254 64:ff9b:0:0:1::8.8.8.8
100::1 100:0:0:1::1
2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:1ff:ffff::1
2001:db8::1 2001:db8:ffff::1
2002:7f00:1::1 2002:a9fe:a9fe::1 2002:808:808::1
3fff::1 3fff:fff:ffff::1
4000::1 5f00::1 8000::1
fc00::1 fd00:ec2::254 fdff::1
fe80::1 fe80::a9fe:a9fe febf::1 fec0::1 feff::1
ff00::1 ff02::1 ff0e::1
""".split()


@pytest.mark.parametrize("text", OUTSIDE)
def test_an_address_in_the_public_internet_is_public(text: str) -> None:
    address = parse_address(text)
    assert address is not None
    assert is_public(address)


@pytest.mark.parametrize("text", INSIDE)
def test_an_internal_or_reserved_address_is_not_public(text: str) -> None:
    address = parse_address(text)
    assert address is not None
    assert not is_public(address)


@pytest.mark.parametrize(
    "text",
    "127.1 127.0.1 2130706433 0x7f000001 017700000001 0177.0.0.1 0x7f.0.0.1 127.0.0.01 1.2.3.4. "
    "fe80::1%eth0 ::1%1 ::ffff:127.1 [::1] 127.0.0.1:80 localhost 1.2.3 \u0661.1.1.1".split(),
)
def test_text_in_another_form_is_not_an_address(text: str) -> None:
    assert parse_address(text) is None
