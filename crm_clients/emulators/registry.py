"""The CRMs that a trial can be played with, one line each."""

from collections.abc import Mapping

from crm_clients.emulators import amocrm, bitrix24, hubspot
from crm_clients.emulators.contract import Part

PARTS: Mapping[str, Part] = {
    amocrm.PART.name: amocrm.PART,
    bitrix24.PART.name: bitrix24.PART,
    hubspot.PART.name: hubspot.PART,
}
