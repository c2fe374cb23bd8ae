"""The CRMs that this build speaks, one line each."""

from collections.abc import Mapping

from crm_clients import amocrm
from crm_clients.contract import CrmManifest

CRMS: Mapping[str, CrmManifest] = {
    amocrm.MANIFEST.name: amocrm.MANIFEST,
}
