"""How fast it is, beside what Postgres alone can do; and real baskets against real stores. See README.md."""
