"""Channels and keys are edited through their services; a key is shown once."""

from re import search
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from oms.backoffice.sentences import say
from oms.backoffice.words import figure, pairs, who
from oms.channels import channels
from oms.clock import now
from oms.keys import caller_for_key
from oms.models import ApiKey, Channel, Version

CHANNEL = {
    "name": "Web",
    "currency": "EUR",
    "is_active": "on",
    "on_payment_failure": "hold",
    "payment_hold_minutes": 30,
    "grace_ship": 15,
}


def test_a_changed_channel_is_seen_by_the_next_request(administrator: Client, network: None) -> None:
    channels()

    answer = administrator.post(reverse("admin:oms_channel_change", args=["web"]), CHANNEL)

    assert answer.status_code == 302
    assert (channels()["web"].payment_hold_minutes, channels()["web"].grace_minutes) == (30, {"ship": 15})


def test_grace_of_a_method_that_has_no_field_is_kept(administrator: Client, network: None) -> None:
    Channel.objects.update(grace_minutes={"locker": 5, "pickup": 2})

    administrator.post(reverse("admin:oms_channel_change", args=["web"]), CHANNEL)

    assert Channel.objects.get().grace_minutes == {"locker": 5, "pickup": 2, "ship": 15}


def test_a_new_channel_is_made_and_cached_anew(administrator: Client, db: None) -> None:
    administrator.post(reverse("admin:oms_channel_add"), {**CHANNEL, "code": "app", "name": "App"})

    assert channels()["app"].name == "App"
    assert Version.objects.filter(name="channels").exists()


@pytest.mark.parametrize(
    ("minutes", "told"),
    [
        (-1, "Ensure this value is greater than or equal to 0."),
        (43_201, "Ensure this value is less than or equal to 43200."),
        (99_999_999_999, "Ensure this value is less than or equal to 43200."),  # no order could be placed any more
    ],
)
def test_a_wrong_channel_changes_nothing(administrator: Client, network: None, minutes: int, told: str) -> None:
    answer = administrator.post(reverse("admin:oms_channel_change", args=["web"]), {**CHANNEL, "grace_ship": minutes})

    assert told in answer.content.decode()
    assert channels()["web"].grace_minutes == {}


# ---- keys --------------------------------------------------------------------------------------------


def make_key(client: Client, **values: Any) -> Any:
    form = {"name": "till", "scopes": ["stock:read"], "channel": "", "locations": " PARIS, LYON ", **values}
    return client.post(reverse("admin:oms_apikey_add"), form)


def test_a_new_key_is_shown_once_and_opens_what_was_asked(administrator: Client, network: None) -> None:
    page = make_key(administrator)
    token = search(r"data-key>([^<]+)<", page.content.decode()).group(1)  # type: ignore[union-attr]
    key = ApiKey.objects.get()
    again = administrator.get(reverse("admin:oms_apikey_change", args=[key.pk])).content.decode()

    caller = caller_for_key(token, as_of=now())

    assert "no-store" in page["Cache-Control"]
    assert caller is not None
    assert (caller.actor, caller.scopes, caller.locations) == (
        "key:till",
        frozenset({"stock:read"}),
        frozenset({"PARIS", "LYON"}),
    )
    assert token not in again


@pytest.mark.parametrize("values", [{"scopes": []}, {"scopes": ["everything"]}, {"name": ""}, {"channel": "nowhere"}])
def test_a_wrong_wish_makes_no_key(values: dict[str, Any], administrator: Client, network: None) -> None:
    assert make_key(administrator, **values).status_code == 200
    assert not ApiKey.objects.exists()


def test_a_revoked_key_opens_nothing_and_asks_before(administrator: Client, network: None) -> None:
    token = search(r"data-key>([^<]+)<", make_key(administrator).content.decode()).group(1)  # type: ignore[union-attr]
    listed = administrator.get(reverse("admin:oms_apikey_changelist")).content.decode()
    page = administrator.get(search(r'href="([^"]*/change/)', listed).group(1)).content.decode()  # type: ignore[union-attr]
    address = search(r'href="([^"]*revoke[^"]*)"', page).group(1)  # type: ignore[union-attr]

    asked = administrator.get(address)
    before = ApiKey.objects.get().revoked_at
    administrator.post(address)

    assert asked.status_code == 200
    assert before is None
    assert ApiKey.objects.get().revoked_at is not None
    assert caller_for_key(token, as_of=now()) is None


# ---- words -------------------------------------------------------------------------------------------


def test_json_is_read_as_names_and_values_and_never_trusted() -> None:
    told = pairs({"city": "Paris", "lines": [{"sku": "<b>", "quantity": 2}], "empty": {}})

    assert "<dt>city</dt><dd>Paris</dd>" in told
    assert "<td>&lt;b&gt;</td><td>2</td>" in told
    assert "empty" not in told


@pytest.mark.parametrize(
    ("actor", "words"),
    [("system:clock", "The clock"), ("system", "The system"), ("user:ada", "ada"), ("key:web", "API key web")],
)
def test_an_actor_is_named(actor: str, words: str) -> None:
    assert who(actor) == words


def test_an_event_without_words_is_still_readable() -> None:
    assert say("stores.device.stood_up", {}) == "Stores device stood up"


def test_figures_are_rounded_not_cut_off() -> None:
    assert [figure(447.0481 - 442.2562, 1), figure(2.8278, 2), figure(1999.96, 1)] == ["4.8", "2.83", "2,000.0"]
