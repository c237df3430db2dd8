"""Exposure rules as sentences: "Web, store pickup: keeps 2 units of every product, at places of outlet"."""

from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from inventory.models import ExposureRule
from oms.backoffice.words import number

METHODS = {
    "ship": gettext_lazy("Delivery"),
    "pickup": gettext_lazy("Store pickup"),
    "curbside": gettext_lazy("Curbside pickup"),
    "locker": gettext_lazy("Locker"),
}
SERVICES = {
    "standard": gettext_lazy("Standard"),
    "express": gettext_lazy("Express"),
    "same_day": gettext_lazy("Same day"),
}


def rule_sentence(rule: ExposureRule) -> str:
    """Who is concerned, what is kept, of what and where."""
    parts = [f"{_asker(rule)}: {_effect(rule)}", _places(rule), _doubt(rule)]
    return ", ".join(part for part in parts if part)


def _asker(rule: ExposureRule) -> str:
    told = [rule.channel.name if rule.channel else "", METHODS.get(rule.order_type), SERVICES.get(rule.service)]
    return ", ".join(str(part) for part in told if part) or _("Everybody")


def _effect(rule: ExposureRule) -> str:
    if rule.hidden:
        return _("hides %(products)s") % {"products": _products(rule)}
    kept = []
    if rule.keep_units is not None:
        kept.append(
            ngettext("keeps %(units)d unit", "keeps %(units)d units", rule.keep_units) % {"units": rule.keep_units}
        )
    if rule.keep_share is not None:
        kept.append(_("keeps %(share)s %%") % {"share": _percent(rule.keep_share)})
    facts = {"kept": _(" or, if that is more, ").join(kept), "products": _products(rule)}
    return _("%(kept)s of %(products)s") % facts


def _products(rule: ExposureRule) -> str:
    named = [*rule.skus, *(_("products tagged %(tag)s") % {"tag": tag} for tag in rule.tags)]
    return _listed(named) or _("every product")


def _places(rule: ExposureRule) -> str:
    named = [*rule.locations, *(_("places of %(group)s") % {"group": group} for group in rule.groups), *rule.countries]
    return _("at %(places)s") % {"places": _listed(named)} if named else _("everywhere")


def _doubt(rule: ExposureRule) -> str:
    if rule.below_confidence is None:
        return ""
    return _("where confidence is below %(share)s %%") % {"share": _percent(rule.below_confidence)}


def _percent(share: Decimal | float) -> str:
    return number(Decimal(str(share)) * 100)


def _listed(names: list[str]) -> str:
    first, rest = names[:3], len(names) - 3
    more = [ngettext("%(count)d more", "%(count)d more", rest) % {"count": rest}] if rest > 0 else []
    return ", ".join([*first, *more])
