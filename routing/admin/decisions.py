"""Why goods leave from where they leave."""

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from oms.backoffice.lists import ReadOnlyAdmin
from routing import words
from routing.admin.base import html_table
from routing.models import (
    Decision,
)
from routing.snapshots import explanation


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ["id", "subject", "cost", "optimal", "elapsed_ms", "created_at"]
    list_filter = ["optimal", "created_at"]
    search_fields = ["id", "subject"]
    fields = ["subject", "created_at", "shown_rules", "cost", "lower_bound", "optimal", "elapsed_ms"]
    fields += ["shown_notes", "shown_steps", "shown_places"]
    readonly_fields = ["shown_rules", "shown_notes", "shown_steps", "shown_places"]

    @admin.display(description=gettext_lazy("rules"))
    def shown_rules(self, decision: Decision) -> str:
        rule = decision.snapshot["rule"] or _("no rule")
        rule_set = decision.rule_set or _("built-in")
        return f"{rule_set} v{decision.rule_set_version}: {rule}"

    @admin.display(description=gettext_lazy("notes"))
    def shown_notes(self, decision: Decision) -> str:
        return " ".join(str(words.NOTES.get(note, note)) for note in decision.snapshot["notes"]) or "-"

    @admin.display(description=gettext_lazy("steps"))
    def shown_steps(self, decision: Decision) -> SafeString:
        rows = (
            (step["name"], words.OUTCOMES.get(step["outcome"], step["outcome"]), step["eligible"], step["cost"])
            for step in explanation(decision)["steps"]
        )
        return html_table([_("step"), _("outcome"), _("places let in"), _("cost")], rows)

    @admin.display(description=gettext_lazy("places"))
    def shown_places(self, decision: Decision) -> SafeString:
        told = explanation(decision)
        chosen = {place["location"] for place in told["chosen"]}
        candidates = sorted(
            told["candidates"], key=lambda c: (c["location"] not in chosen, c["score"] is None, float(c["score"] or 0))
        )
        rows = [(c["location"], *_verdict(c, chosen), c["distance_km"] or "") for c in candidates]
        without = told["excluded_counts"].get("no_stock", 0)
        rows.append(("", _("%(count)d more places have none of it") % {"count": without}, "", "", ""))
        return html_table([_("place"), _("verdict"), _("score"), _("made of"), _("km")], rows)


def _verdict(candidate: dict[str, Any], chosen: set[str]) -> tuple[str, str, str]:
    if candidate["excluded_because"]:
        return words.reason(candidate["excluded_because"]), "", ""
    parts = ", ".join(f"{words.PARTS.get(name, name)} {amount}" for name, amount in candidate["cost"].items())
    return _("chosen") if candidate["location"] in chosen else _("possible"), candidate["score"], parts
