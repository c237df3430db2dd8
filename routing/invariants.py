"""What the database promises about routing, as queries."""

from oms.invariants import by_query, register


def register_all() -> None:
    register(
        by_query(
            "a published rule set decides for somebody, and only published ones do",
            """SELECT r.id, r.status FROM routing_ruleset r
               LEFT JOIN (SELECT DISTINCT rule_set_id FROM routing_rulesetslot) s ON s.rule_set_id = r.id
               WHERE (r.status = 'published') <> (s.rule_set_id IS NOT NULL)""",
            "rule set %(id)s is %(status)s",
        )
    )
    register(
        by_query(
            "no day is booked below zero",
            "SELECT location_id, date, booked FROM routing_capacityday WHERE booked < 0",
            "%(location_id)s has %(booked)s fulfillments booked on %(date)s",
        )
    )
    register(
        by_query(
            "a decision costs no less than its lower bound",
            "SELECT id, cost, lower_bound FROM routing_decision WHERE cost < lower_bound",
            "decision %(id)s costs %(cost)s, below its bound %(lower_bound)s",
        )
    )
