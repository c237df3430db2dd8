from django.utils.translation import gettext_lazy as _

from oms.errors import Conflict, Invalid, Missing


class RuleSetMissing(Missing):
    code = "rule_set_not_found"
    title = _("There is no such rule set")


class CarrierServiceMissing(Missing):
    code = "carrier_service_not_found"
    title = _("There is no such carrier service")


class NotADraft(Conflict):
    """Facts: `current` (the present status)."""

    code = "not_a_draft"
    title = _("Only a draft can be changed: make a new version")


class InvalidDocument(Invalid):
    code = "invalid_rule_set"
    title = _("The rule set is not well formed")


class InvalidPostalFile(Invalid):
    code = "invalid_postal_file"
    title = _("The file of postal areas cannot be read")


class RuleSetFaulty(Invalid):
    """Well formed, but a part of it could never do what it was written for."""

    code = "rule_set_faulty"
    title = _("The rule set cannot be published as it is")


class DraftChanged(Conflict):
    code = "draft_changed"
    title = _("Somebody changed this draft in the meantime: look at it again")


class NotSimulated(Conflict):
    """The house wants to see what rules would have done before they decide."""

    code = "not_simulated"
    title = _("Simulate this text to its end first: it has changed since, or never was")


class TooManySimulations(Conflict):
    """Facts: `limit`."""

    code = "too_many_simulations"
    title = _("Too many simulations wait already")


class LocationMissing(Missing):
    """Facts: `location`."""

    code = "location_not_found"
    title = _("There is no such place")


class EvidenceMissing(Conflict):
    """The decision was written before it kept what it was based on."""

    code = "evidence_missing"
    title = _("This decision did not keep what it was based on")


class TooManyShadows(Conflict):
    """Facts: `limit`."""

    code = "too_many_shadows"
    title = _("So many drafts decide beside the live rules already")
