"""Which IP addresses are in the public internet.

The table follows IANA's special-purpose registries (RFC 6890, as of 2026). `ipaddress.is_global`
is not used, since it differs between releases of Python.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

INSIDE_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network, unspecified
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared between a provider and its customers
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local: instance metadata, Lambda's runtime
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
OUTSIDE_6 = IPv6Network("2000::/3")  # allocated as global unicast
INSIDE_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which holds an IPv4 address
        "3fff::/20",  # documentation
    )
)
# In an IPv6-only subnet, DNS64 maps the address of an IPv4-only host into this network.
NAT64 = IPv6Network("64:ff9b::/96")


# These name this machine, or contain an IPv4 address that a table of IPv4 networks would miss. No
# setting allows them: the same machine can be called by its usual address.
DISGUISED: tuple[Network, ...] = (
    IPv4Network("0.0.0.0/8"),  # Linux connects 0.0.0.0 to this machine
    *map(
        IPv6Network,
        (
            "::/96",  # unspecified, IPv4-compatible; ::1 is the one exception
            "::ffff:0:0/96",  # IPv4-mapped
            "::ffff:0:0:0/96",  # IPv4-translated
            "64:ff9b::/96",  # NAT64
            "64:ff9b:1::/48",  # NAT64 within a network
            "2001::/32",  # Teredo
            "2002::/16",  # 6to4
        ),
    ),
)
LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
EVERYWHERE: tuple[Network, ...] = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))


def is_loopback(address: Address) -> bool:
    return any(address in network for network in LOOPBACK)


def is_disguised(address: Address) -> bool:
    return any(address in network for network in DISGUISED) and not is_loopback(address)


def is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in INSIDE_4)
    if address in NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in OUTSIDE_6 and not any(address in network for network in INSIDE_6)


def parse_address(text: str) -> Address | None:
    """None unless it is an address in its usual form: 127.1, 0177.0.0.1, fe80::1%eth0 are not."""
    try:
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None
