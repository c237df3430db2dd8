"""The back office of routing: the rules, what they decide upon, and what they decided."""

from routing.admin import acceptance, decisions, demands, promises, rule_sets, service_levels, simulations, tables

__all__ = ["acceptance", "decisions", "demands", "promises", "rule_sets", "service_levels", "simulations", "tables"]
