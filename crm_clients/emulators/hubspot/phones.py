"""What HubSpot makes of phone numbers: whole ones, and what is left without the country's code."""

import re

ONE_DIGIT = ("1", "7")
TWO_DIGITS = re.compile(r"20|27|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]")
CALCULATED = {
    "phone": (
        "hs_calculated_phone_number",
        "hs_searchable_calculated_phone_number",
        "hs_searchable_calculated_international_phone_number",
    ),
    "mobilephone": (
        "hs_calculated_mobile_number",
        "hs_searchable_calculated_mobile_number",
        "hs_searchable_calculated_international_mobile_number",
    ),
}


def calculated(properties: dict[str, str]) -> dict[str, str]:
    """Return what is calculated from both numbers of a contact; "" for what cannot be."""
    found: dict[str, str] = {}
    for source, names in CALCULATED.items():
        whole, national = _read(properties.get(source, ""))
        found |= dict(zip(names, (whole, national, whole.removeprefix("+")), strict=True))
    return found


def _read(value: str) -> tuple[str, str]:
    """Return the whole number and the national one; without a plus no country is known."""
    digits = "".join(filter(str.isdigit, value))
    if not value.strip().startswith("+"):
        return "", digits
    return f"+{digits}", digits[_country(digits) :]


def _country(digits: str) -> int:
    if digits.startswith(ONE_DIGIT):
        return 1
    return 2 if TWO_DIGITS.match(digits) else 3
