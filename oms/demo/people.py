"""Who signs in, and with which keys programs come. Fixed and public: a demo has nothing to hide."""

import json
from pathlib import Path
from typing import NamedTuple

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from inventory.models import Membership
from oms import roles
from oms.demo.trade import MARKETPLACE, WEB
from oms.keys import create_api_key
from oms.models import ApiKey
from oms.transactions import use_case

PASSWORD = "orvane-demo"


class Person(NamedTuple):
    username: str
    first_name: str
    last_name: str
    role: str
    locations: tuple[str, ...] = ()


PEOPLE = (
    Person("admin", "Inès", "Caradec", roles.ADMINISTRATOR),
    Person("operations", "Tristan", "Lemoal", roles.OPERATIONS),
    Person("service", "Aïssa", "Benhaddou", roles.CUSTOMER_SERVICE),
    Person("manager", "Maëlle", "Vasseur", roles.STORE_MANAGER, ("LYON-PART-DIEU",)),
    Person("associate", "Jonas", "Ribeiro", roles.STORE_ASSOCIATE, ("LYON-PART-DIEU",)),
    Person("night", "Salomé", "Kanté", roles.STORE_ASSOCIATE, ("HUB-PARIS",)),
    Person("supplier", "Rémi", "Claudel", roles.SUPPLIER, ("SUP-VOSGES",)),
)
STAFFED = frozenset(location for person in PEOPLE for location in person.locations)
"""Places where a visitor may sign in: the traffic leaves them time to do the work themselves."""


@use_case
def save_people() -> None:
    """Make them, and give them their roles and places again."""
    for person in PEOPLE:
        _save_person(person)


def _save_person(person: Person) -> None:
    is_admin = person.role == roles.ADMINISTRATOR
    user, _is_new = get_user_model().objects.update_or_create(
        username=person.username,
        defaults={
            "first_name": person.first_name,
            "last_name": person.last_name,
            "email": f"{person.username}@orvane.example",
            "is_staff": roles.is_everywhere([person.role]),
            "is_superuser": is_admin,
        },
    )
    user.set_password(PASSWORD)
    user.save()
    user.groups.set([Group.objects.get_or_create(name=person.role)[0]])
    for code in person.locations:
        Membership.objects.get_or_create(user=user, location_id=code)


# ---- keys ------------------------------------------------------------------------------------------


class Keys(NamedTuple):
    """`visitor`: for whoever tries the API; the others are the programs that make the demo move."""

    visitor: str
    web: str
    marketplace: str
    stores: str


_WANTED = {
    "visitor": ("demo", ["all"], None),
    "web": ("web shop", ["catalog:read", "stock:read", "orders:read", "orders:write"], WEB),
    "marketplace": ("marketplace", ["catalog:read", "stock:read", "orders:read", "orders:write"], MARKETPLACE),
    "stores": ("store staff", ["fulfillments:read", "fulfillments:write", "exceptions:write", "stock:read", "stock:write"], None),
}


def keys_file(home: Path) -> Path:
    return home / "demo-keys.json"


def read_keys(home: Path) -> Keys | None:
    path = keys_file(home)
    return Keys(**json.loads(path.read_text())) if path.exists() else None


def ensure_keys(home: Path) -> Keys:
    """The demo's keys from their file; new ones where the file or a key is gone (a key is shown only once)."""
    known = read_keys(home)
    if known and _are_alive(known):
        return known
    keys = Keys(**{use: create_api_key(name=name, scopes=scopes, channel=channel)[1] for use, (name, scopes, channel) in _WANTED.items()})
    path = keys_file(home)
    path.touch(mode=0o600)
    path.write_text(json.dumps(keys._asdict(), indent=1))
    return keys


def _are_alive(keys: Keys) -> bool:
    prefixes = {key.split("_")[1] for key in keys}
    return ApiKey.objects.filter(prefix__in=prefixes, revoked_at=None).count() == len(prefixes)
