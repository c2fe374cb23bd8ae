"""What really is on the portals, for those who judge the hub from outside of it."""

from .crm_model import Json
from .model import Portal
from .world import World


class Views:
    """The part of the emulator that tells what happened; everything it returns is a copy."""

    world: World

    def state(self) -> Json:
        """Counts of everything, the switches, and the warnings."""
        world = self.world
        return {
            "portals": [portal_view(portal) for portal in world.portals.values()],
            "switches": {
                name: getattr(world.switches, name) for name in type(world.switches).__slots__
            },
            "hooks_waiting": world.background.waiting,
            "refreshes": world.refreshes,
            "warnings": list(world.warnings),
        }


def portal_view(portal: Portal) -> Json:
    return {
        "hub_id": portal.hub_id,
        "name": portal.name,
        "tier": portal.tier,
        "users": {user.id: user.full_name for user in portal.users.values()},
        "owners": {user.owner_id: user.full_name for user in portal.users.values()},
        "applications": [
            {"app_id": each.app.app_id, "scopes": sorted(each.scopes)}
            for each in portal.installations.values()
        ],
        "records": {kind: len(records) for kind, records in portal.crm.records.items()},
    }
