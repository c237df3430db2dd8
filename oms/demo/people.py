"""Who signs in, and with which keys programs come. Fixed and public: a demo has nothing to hide."""

from pathlib import Path
from typing import NamedTuple

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group

from inventory.models import Membership
from oms import roles
from oms.demo.keyring import Keys, read_keys, write_keys
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


@use_case
def save_people() -> None:
    """Make them, and give them their roles and places again."""
    password = make_password(PASSWORD)
    for person in PEOPLE:
        _save_person(person, password)


def _save_person(person: Person, password: str) -> None:
    is_admin = person.role == roles.ADMINISTRATOR
    user, _is_new = get_user_model().objects.update_or_create(
        username=person.username,
        defaults={
            "first_name": person.first_name,
            "last_name": person.last_name,
            "email": f"{person.username}@orvane.example",
            "is_staff": roles.is_everywhere([person.role]),
            "is_superuser": is_admin,
            "password": password,
        },
    )
    user.groups.set([Group.objects.get_or_create(name=person.role)[0]])
    for code in person.locations:
        Membership.objects.get_or_create(user=user, location_id=code)


# ---- keys ------------------------------------------------------------------------------------------


_WANTED = {
    "visitor": ("demo", ["all"], None),
    "web": ("web shop", ["catalog:read", "stock:read", "reservations:write", "orders:read", "orders:write"], WEB),
    "marketplace": ("marketplace", ["catalog:read", "stock:read", "orders:read", "orders:write"], MARKETPLACE),
    "stores": (
        "store staff",
        ["fulfillments:read", "fulfillments:write", "exceptions:write", "stock:read", "stock:write"],
        None,
    ),
}


def ensure_keys(home: Path) -> Keys:
    """The demo's keys from their file; new ones where the file or a key is gone (a key is shown only once)."""
    known = read_keys(home)
    if known and _are_alive(known):
        return known
    keys = Keys(
        **{
            use: create_api_key(name=name, scopes=scopes, channel=channel)[1]
            for use, (name, scopes, channel) in _WANTED.items()
        }
    )
    write_keys(home, keys)
    return keys


def _are_alive(keys: Keys) -> bool:
    prefixes = {key.split("_")[1] for key in keys}
    return ApiKey.objects.filter(prefix__in=prefixes, revoked_at=None).count() == len(prefixes)
