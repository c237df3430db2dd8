"""The sourcing engine: a demand, rules and a picture of the network in, a plan out.

Plain Python on frozen data. It knows no database, no settings and no wall clock; everything it
needs is passed in, so every decision can be replayed exactly and held against a solver in tests.

`planner.plan` is the way in; read it first. Then `conditions` (which rule), `filters` (which
places), `cost` (what a parcel costs), `solve` (the cheapest set of parcels: `subsets` for whole
lines, `cut` for lines that no single place can serve) and `explain` (why).
"""
