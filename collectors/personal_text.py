"""Finding what looks personal in a text: e-mail addresses, phone and card numbers, IBANs, IP addresses.

Patterns and check digits only, no model of a language. A pattern finds a candidate in time linear in the text, and a
check (Luhn, ISO 7064 mod 97, the standard library's `ipaddress`) decides, so that most numbers are left alone.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Check = Callable[[str], bool]

# Phone numbers, cards and IBANs have seven digits at least, never far apart.
_SEVEN_DIGITS = re.compile(r"\d(?:\D{0,4}\d){6}")
_EMAIL = re.compile(r"[\w.+%'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[\w-]{2,63}")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f.]{0,15}:)[0-9A-Fa-f:]{2,39}(?:(?<=:)(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])")
_CARD = re.compile(r"(?<![\w.])\d{4,19}(?:[ -]\d{1,7}){0,6}(?!\w)")
_GROUP = re.compile(r"\d+")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,40}")
_PHONE = re.compile(
    r"(?<![\w.+-])(?!\d{1,2}[./-]\d{1,2}[./-]\d{4}\b)"
    r"(?:(?:\+|00 ?)\d(?:[ ()./-]{0,3}\d){6,13}"  # international
    r"|(?:1[ .-])?\(?\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}"  # North America
    r"|0\d{9,11}"  # national, with the trunk prefix 0
    r"|\(?0\d{1,5}\)?(?:[ ./-]{1,3}\d{2,8}){1,5})"
    r"(?![\w-]|\.\d)"
)
# Lengths of the countries' IBANs, as in SWIFT's registry.
_IBAN_LENGTHS = {
    country: int(length)
    for country, length in re.findall(
        r"([A-Z]{2})(\d\d)",
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27"
        "GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22"
        "MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28"
        "TL23TN24TR26UA29VA22VG24XK20YE30",
    )
}


@dataclass(frozen=True, slots=True)
class _Kind:
    pattern: re.Pattern[str]
    find: Callable[[str], tuple[int, int] | None]


def redact(text: str, kinds: Iterable[str], found: list[str] | None = None) -> str:
    """The text with what looks personal replaced by its kind in brackets. `found` collects what was replaced.

    >>> redact("write to ann@example.com or call +44 20 7946 0958", ["email", "phone"])
    'write to [email] or call [phone]'
    """
    has_digits: bool | None = None
    for kind in kinds:
        if kind == "email":
            worth_a_look = "@" in text
        elif kind == "ip":
            worth_a_look = text.count(".") >= 3 or text.count(":") >= 2
        else:
            if has_digits is None:
                has_digits = _SEVEN_DIGITS.search(text) is not None
            worth_a_look = has_digits
        if worth_a_look:
            text = _replace(text, kind, found)
    return text


def _replace(text: str, kind: str, found: list[str] | None) -> str:
    for each in _KINDS[kind]:
        pieces, done = [], 0
        match = each.pattern.search(text)
        while match:
            place = each.find(match[0])
            if place is None:
                match = each.pattern.search(text, match.start() + _skip(match[0]))
                continue
            start, end = match.start() + place[0], match.start() + place[1]
            if found is not None:
                found.append(text[start:end])
            pieces += [text[done:start], f"[{kind}]"]
            done = end
            match = each.pattern.search(text, end)
        if pieces:
            text = "".join([*pieces, text[done:]])
    return text


def _skip(candidate: str) -> int:
    """How far to go on after a candidate that was none: past its first word."""
    word = re.match(r"\w+|\W", candidate)
    return word.end() if word else 1


def _whole(check: Check) -> Callable[[str], tuple[int, int] | None]:
    return lambda candidate: (0, len(candidate)) if check(candidate) else None


def _find_card(candidate: str) -> tuple[int, int] | None:
    """Whole groups of digits, 13 to 19 of them, that begin as a card does and pass Luhn's check."""
    groups = [(match.start(), match.end()) for match in _GROUP.finditer(candidate)]
    for first, (start, _) in enumerate(groups):
        for _, end in groups[first:]:
            digits = candidate[start:end].replace(" ", "").replace("-", "")
            if len(digits) > 19:
                break
            if len(digits) >= 13 and digits[0] in "23456" and _passes_luhn(digits):
                return start, end
    return None


def _passes_luhn(digits: str) -> bool:
    doubled = [int(digit) * 2 for digit in digits[-2::-2]]
    total = sum(map(int, digits[-1::-2])) + sum(value - 9 if value > 9 else value for value in doubled)
    return total % 10 == 0 and len(set(digits)) > 1


def _find_iban(candidate: str) -> tuple[int, int] | None:
    """As many letters and digits as the country's IBANs have, where they end with a word and pass mod 97."""
    length = _IBAN_LENGTHS.get(candidate[:2].upper())
    places = [place for place, character in enumerate(candidate) if character.isalnum()]
    if length is None or len(places) < length:
        return None
    end = places[length - 1] + 1
    if end < len(candidate) and candidate[end].isalnum():
        return None
    plain = "".join(candidate[place] for place in places[:length]).upper()
    number = "".join(str(int(character, 36)) for character in plain[4:] + plain[:4])
    return (0, end) if int(number) % 97 == 1 else None


def _is_ip(candidate: str) -> bool:
    try:
        address = ipaddress.ip_address(candidate)
    except ValueError:
        return False
    return not address.is_unspecified


def _is_phone(candidate: str) -> bool:
    digits = sum(character.isdigit() for character in candidate)
    return (7 if candidate[0] == "+" else 9) <= digits <= 15


_KINDS = {
    "email": [_Kind(_EMAIL, _whole(lambda candidate: True))],
    "iban": [_Kind(_IBAN, _find_iban)],
    "ip": [_Kind(_IPV4, _whole(_is_ip)), _Kind(_IPV6, _whole(_is_ip))],
    "card": [_Kind(_CARD, _find_card)],
    "phone": [_Kind(_PHONE, _whole(_is_phone))],
}
KINDS = tuple(_KINDS)
"""All kinds, in the order in which they are looked for: what is checked best comes first."""
