"""The sourcing engine: a demand, rules and a picture of the network in, a plan out.

Plain Python and NumPy on frozen data. It knows no database, no settings and no wall clock; everything it
needs is passed in, so every decision can be replayed exactly and held against a solver in tests.

`planner.plan` is the way in; read it first. Then `conditions` (which rule), `assess` (how a step sees the places:
`filters` let them in, `cost` prices them), `problem` and `solve` (the cheapest set of parcels: `states` for what can
be counted, `columns` and `milp` for larger orders) and `explain` (why). `batch` plans several orders anew together.
"""
