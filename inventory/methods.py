"""What a place must be able to do to serve a delivery method. Pure: the routing engine reads it, too."""

#: Methods for which the shopper comes to a place of their choice.
COLLECTED = frozenset({"pickup", "curbside"})

#: Where it is not called like the method: a locker is filled by parcels.
_ABILITY_OF_METHOD = {"locker": "ship"}


def ability_for(method: str) -> str:
    return _ABILITY_OF_METHOD.get(method, method)
