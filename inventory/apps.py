from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InventoryConfig(AppConfig):
    name = "inventory"
    verbose_name = _("Inventory")

    def ready(self) -> None:
        from inventory import invariants, queries
        from oms.api.authentication import register_locations_of

        register_locations_of(queries.locations_of_user)
        invariants.register_all()
