"""Customer, order, money, fulfillment, shipment: places, re-routes, cancels.

Owns: Customer, Order (lines, deliveries, holds), Payment and its operations, Fulfillment (one table for
every method), Package and Shipment, Exclusion (a place that lost a line never gets it back), and the
exception queue in front of people.

Promises: every unit of a line is in exactly one bucket; a piece of work has one live fulfillment; exactly
one of accept and time-out wins; an external id makes one order; captured never exceeds authorised, refunded
never exceeds captured; order status is derived (`services/status.py`), never set by hand.

Placing is a plain function around two use cases (`services/placement.py`): recall → plan → commit_plans →
authorise → record_authorisation. Losing work is one act with several causes (`services/reassignment.py`).
"""
