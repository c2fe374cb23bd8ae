"""The CRMs that this build speaks, one line each."""

from collections.abc import Mapping

from crm_clients import amocrm, bitrix24, hubspot
from crm_clients.contract import CrmManifest

CRMS: Mapping[str, CrmManifest] = {
    amocrm.MANIFEST.name: amocrm.MANIFEST,
    bitrix24.MANIFEST.name: bitrix24.MANIFEST,
    hubspot.MANIFEST.name: hubspot.MANIFEST,
}
