from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RoutingConfig(AppConfig):
    name = "routing"
    verbose_name = _("Routing")

    def ready(self) -> None:
        from inventory.geocoding import register_postal_lookup
        from inventory.pickup_times import register_pickup_time
        from routing import invariants, queries
        from routing.services import promises

        invariants.register_all()
        register_postal_lookup(queries.coordinates_of)
        register_pickup_time(promises.pickup_time)
