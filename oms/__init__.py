"""The kernel: what every app stands on, and nothing of a retailer's trade.

Owns: errors and their problem documents, transactions, state tables, money, ids, the clock,
idempotency, deadlines (every business timer), the outbox (one row per fact: timeline, state
history, webhooks and event feed), API keys and roles, channels, the API base, health, logs.

Promises: a key makes one thing; a deadline is acted on once; a fact is written in the transaction
that made it true and reaches each subscriber at least once, in order.
"""

import importlib.util

if importlib.util.find_spec("celery"):  # the bootstrap imports `oms.dev` before anything is installed
    from oms.celery import app as celery_app

    __all__ = ["celery_app"]
