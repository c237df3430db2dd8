from routing.models.acceptance import AcceptanceRate, DayPart, OfferOutcome
from routing.models.capacity import CapacityDay
from routing.models.carrier import CarrierService, Rate, ServiceStandard, Weekday, Zone
from routing.models.decision import Decision
from routing.models.demand_fact import DemandFact
from routing.models.lead_time import DatePolicy, GivenPromise, LeadTimeObservation, LearnedTable
from routing.models.postal_area import PostalArea
from routing.models.rule_set import RuleSet, RuleSetSlot
from routing.models.scarcity_price import ScarcityPrice, ScarcityTable
from routing.models.service_level import ServiceLevel
from routing.models.shadow import Shadow
from routing.models.simulation import SimulatedChange, Simulation
from routing.models.slow_stock import SlowStock

__all__ = [
    "AcceptanceRate",
    "CapacityDay",
    "CarrierService",
    "DatePolicy",
    "DayPart",
    "Decision",
    "DemandFact",
    "GivenPromise",
    "LeadTimeObservation",
    "LearnedTable",
    "OfferOutcome",
    "PostalArea",
    "Rate",
    "RuleSet",
    "RuleSetSlot",
    "ScarcityPrice",
    "ScarcityTable",
    "ServiceLevel",
    "ServiceStandard",
    "Shadow",
    "SimulatedChange",
    "Simulation",
    "SlowStock",
    "Weekday",
    "Zone",
]
