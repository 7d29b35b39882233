"""Which addresses Kedge's own requests may reach, so that nobody uses them to call what is behind a firewall."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from monitor.config import OutgoingSettings

Address = IPv4Address | IPv6Address

# Cloud metadata services hand out credentials. Most are link-local; these are the ones elsewhere.
_METADATA: Final = frozenset(map(ip_address, ("100.100.100.200", "168.63.129.16", "fd00:ec2::254")))
_THIS_NETWORK: Final = IPv4Network("0.0.0.0/8")
_CARRIER_NAT: Final = IPv4Network("100.64.0.0/10")
_NAT64: Final = IPv6Network("64:ff9b::/96")


def refusal(text: str, settings: OutgoingSettings) -> str | None:
    """Why this address may not be reached, naming the setting that would allow it; None when it may.

    >>> refusal("93.184.215.14", OutgoingSettings()) is None
    True
    >>> refusal("::ffff:10.0.0.1", OutgoingSettings())
    'a private address; outgoing.allow_private = true allows it'
    """
    address = embedded(ip_address(text))
    if kind := _never(address):
        return f"{kind}, which is never allowed"
    if address.is_loopback:
        return None if settings.allow_loopback else "a loopback address; outgoing.allow_loopback = true allows it"
    if _is_private(address):
        return None if settings.allow_private else "a private address; outgoing.allow_private = true allows it"
    return None


def embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, Teredo or NAT64), else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address


def _never(address: Address) -> str | None:
    if address.is_unspecified or (address.version == 4 and address in _THIS_NETWORK):
        return "an unspecified address"
    if address.is_link_local:
        return "a link-local address"
    if address.is_multicast:
        return "a multicast address"
    if address in _METADATA:
        return "a cloud metadata address"
    # Python counts ::/8 as reserved, and ::1 is in it.
    return "a reserved address" if address.is_reserved and not address.is_loopback else None


def _is_private(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return address.is_private or address in _CARRIER_NAT
    return address.is_private or address.is_site_local
