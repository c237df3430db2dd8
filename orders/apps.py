from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    name = "orders"
    verbose_name = _("Orders")

    def ready(self) -> None:
        from inventory.demands import register_demand_owners, register_order_demands
        from oms.backoffice.subjects import Numbers, go_by_number
        from orders import demands, handlers, invariants  # noqa: F401
        from routing.services.bench import register_orders

        register_order_demands(demands.demands_of_orders)
        register_demand_owners(demands.owners_of_demands)
        register_orders(demands.demands_of_number)
        go_by_number("dlv", Numbers(of=demands.numbers_of_deliveries, to=demands.deliveries_of_number))
