import logging
from typing import Any

from django.apps import AppConfig
from django.db import OperationalError
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

log = logging.getLogger(__name__)


class InventoryConfig(AppConfig):
    name = "inventory"
    verbose_name = _("Inventory")

    def ready(self) -> None:
        from inventory import handlers, invariants, queries, sentences  # noqa: F401
        from oms.api.authentication import register_locations_of

        register_locations_of(queries.locations_of_user)
        invariants.register_all()
        post_migrate.connect(_open_ledger_months, sender=self)


def _open_ledger_months(**_: Any) -> None:
    """A database that was just migrated has its months, whatever else is running yet.

    Where the ledger is too busy for it, beat does it later: until then movements stand in the default partition.
    """
    from inventory.services.ledger_months import is_partitioned, open_months
    from oms.clock import now

    try:
        if is_partitioned():  # not so after migrating back to before it was
            open_months(as_of=now())
    except OperationalError:
        log.warning("the ledger's months could not be opened", exc_info=True)
