"""A demand in, a plan out: where each line is best fulfilled, by which rules, at what cost, by when.

Owns RuleSet and the slots that publish it, ServiceLevel, CarrierService with its zones and rates,
CapacityDay, PostalArea and Decision. It stands below orders: it knows demands, never an order.

Invariants: one rule set per channel is published, and one for all others (`RuleSetSlot`); a published
document never changes; a place with a daily capacity is never booked beyond it unless a rule says so;
a decision is written in the transaction that acts on it and keeps every place that held a unit.
`engine/` is plain Python and decides alone; `services/` feeds it and writes down what came out.
"""
