"""Phone numbers: one spelling for all of them."""

import phonenumbers

DEFAULT_REGION = "RU"


def e164(number: str, region: str = DEFAULT_REGION) -> str | None:
    """Return the international form of a number in any spelling; None when it cannot be one.

    A number without a country code is read as one of `region`.
    """
    digits = "".join(filter(str.isdigit, number))
    for spelling in (number, f"+{digits}"):
        try:
            parsed = phonenumbers.parse(spelling, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(parsed):
            return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return None


def same_number(one: str, other: str, region: str = DEFAULT_REGION) -> bool:
    """Say whether two spellings mean one number. Two unreadable ones never do."""
    first, second = e164(one, region), e164(other, region)
    return first is not None and first == second


def national(number: str) -> str:
    """Return the digits of an E.164 number without its country; empty when it is none."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.national_significant_number(parsed)
