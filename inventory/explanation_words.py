"""Explanations of stock as sentences: "10 stand here, 2 promised to orders, 1 kept back (…): 7 can be sold"."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from inventory.explanation import Explanation
from inventory.models import ExposureRule

_KEPT_BY = {
    "level": gettext_lazy("safety stock of the product here"),
    "place": gettext_lazy("safety stock of the place"),
    "rule": gettext_lazy("an exposure rule"),
    "doubt": gettext_lazy("a rule for doubtful stock"),
}
_CLOSED_BY = {
    "suspect": gettext_lazy("the goods were not found and must be counted first"),
    "hidden": gettext_lazy("a rule hides them from this asker"),
    "product_inactive": gettext_lazy("the product is not on sale"),
    "place_inactive": gettext_lazy("the place is closed for good"),
    "takes_no_orders": gettext_lazy("the place takes no orders"),
    "never_open": gettext_lazy("the place never opens, by its hours and closures"),
    "no_daily_capacity": gettext_lazy("the daily capacity of the place is zero"),
    "cannot_serve_method": gettext_lazy("the place cannot do this kind of delivery"),
}


def names_of_rules(found: list[Explanation]) -> dict[str, str]:
    ids = {rule.id for one in found for rule in (one.rule, one.doubt_rule) if rule}
    return dict(ExposureRule.objects.filter(pk__in=ids).values_list("pk", "name")) if ids else {}


def explanation_sentence(one: Explanation, names: dict[str, str]) -> str:
    """What a person reads: the sum, or why nothing is sold."""
    if one.closed_by:
        reasons = ", ".join(str(_CLOSED_BY[reason]) for reason in one.closed_by)
        return _("Nothing is sold here: %(reasons)s") % {"reasons": reasons}
    stood = one.stood
    parts = [ngettext("%(units)d stands here", "%(units)d stand here", stood.on_hand) % {"units": stood.on_hand}]
    parts += [
        text % {"units": units}
        for units, text in (
            (stood.damaged, _("%(units)d damaged")),
            (stood.quarantined, _("%(units)d in quarantine")),
            (stood.reserved, _("%(units)d promised to orders")),
            (stood.in_carts, _("%(units)d in carts")),
            (stood.offered, _("%(units)d kept for work offered to several places")),
        )
        if units
    ]
    if one.kept:
        by = one.rule if one.kept_by == "rule" else one.doubt_rule if one.kept_by == "doubt" else None
        name = names.get(by.id) if by else ""
        why = f"{_KEPT_BY[one.kept_by]} “{name}”" if name else str(_KEPT_BY[one.kept_by])
        parts.append(_("%(units)d kept back (%(why)s)") % {"units": one.kept, "why": why})
    return _("%(figures)s: %(sellable)d can be sold") % {"figures": ", ".join(parts), "sellable": one.sellable}
