"""What shoppers hold in their carts just now."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from inventory.models import CartHold, HoldStatus
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import NOTHING, badge, instant, listed
from oms.clock import now


@admin.register(CartHold)
class CartHoldAdmin(ReadOnlyAdmin):
    list_display = ["cart", "channel", "state", "held_units", "ends", "made"]
    list_filter = [("status", ChoicesDropdownFilter), ("channel", RelatedDropdownFilter)]
    list_select_related = ["channel"]
    search_fields = ["cart__exact", "id__exact"]
    search_help_text = gettext_lazy("A cart or the id of a reservation")
    fields = ["id", "cart", "channel", "owner", "state", "asked", "held_units", "ends", "made"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[CartHold]:
        return super().get_queryset(request).exclude(owner=CartHold.OFFERS).prefetch_related("held")

    @display(description=gettext_lazy("status"), ordering="status")
    def state(self, hold: CartHold) -> SafeString:
        if hold.status == HoldStatus.ACTIVE and hold.expires_at <= now():
            return badge(HoldStatus.EXPIRED.label)
        return badge(hold.get_status_display(), "busy" if hold.status == HoldStatus.ACTIVE else "quiet")

    @display(description=gettext_lazy("asked for"))
    def asked(self, hold: CartHold) -> str:
        return listed(f"{line['quantity']} × {line['sku']}" for line in hold.lines)

    @display(description=gettext_lazy("held"))
    def held_units(self, hold: CartHold) -> str | SafeString:
        held = [_held(line.quantity, line.product_id, line.location_id) for line in hold.held.all()]
        return listed(held) if held and hold.expires_at > now() else NOTHING

    @display(description=gettext_lazy("ends"), ordering="expires_at")
    def ends(self, hold: CartHold) -> SafeString:
        return instant(hold.expires_at)

    @display(description=gettext_lazy("made"), ordering="id")
    def made(self, hold: CartHold) -> SafeString:
        return instant(hold.created_at)


def _held(units: int, sku: str, place: str) -> str:
    return _("%(units)d × %(sku)s at %(place)s") % {"units": units, "sku": sku, "place": place}
