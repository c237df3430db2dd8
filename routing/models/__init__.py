from routing.models.capacity import CapacityDay
from routing.models.carrier import CarrierService, Rate, ServiceStandard, Zone
from routing.models.decision import Decision
from routing.models.postal_area import PostalArea
from routing.models.rule_set import RuleSet, RuleSetSlot
from routing.models.service_level import ServiceLevel

__all__ = [
    "CapacityDay",
    "CarrierService",
    "Decision",
    "PostalArea",
    "Rate",
    "RuleSet",
    "RuleSetSlot",
    "ServiceLevel",
    "ServiceStandard",
    "Zone",
]
