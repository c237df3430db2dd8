"""What a developer's machine needs and production does not: the virtual environment, the embedded
Postgres and Valkey, and the supervisor behind `make demo`.

Nothing here imports Django, so that it works before anything is installed; only `prepare` and `checks`,
which the others start as processes of their own, do. Production code never imports this package.
"""
