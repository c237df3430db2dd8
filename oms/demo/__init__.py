"""The demo retailer: Orvane, an invented French chain for fashion, home and sport.

It stands above every app and uses them as any client would: places, products and stock come in through
inventory's services, past orders are lived through the services with a moving `as_of`, live orders
(`traffic`) come over the public HTTP API. Nobody imports it but its management commands.

Promises: the same anchor day and scale make the same retailer; loading twice changes nothing; a load
that was killed goes on where it stood; `check_invariants` holds after it.
"""

RETAILER = "Orvane"
ACTOR = "demo"
TILLS, ERP = "tills", "erp-night"
"""Sources of stock figures."""
