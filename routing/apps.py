from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RoutingConfig(AppConfig):
    name = "routing"
    verbose_name = _("Routing")

    def ready(self) -> None:
        from inventory.geocoding import register_postal_lookup
        from inventory.pickup_times import register_pickup_time
        from inventory.place_review import register_remarks
        from routing import invariants, queries
        from routing.services import promises, rate_reviews

        invariants.register_all()
        register_postal_lookup(queries.coordinates_of)
        register_pickup_time(promises.pickup_time)
        register_remarks(rate_reviews.remarks_on_place)
