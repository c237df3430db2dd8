"""The routing endpoints over HTTP."""

import pytest
import yaml

from routing.documents import parse
from routing.models import CarrierService, Decision, PostalArea, Rate, RuleSet, ServiceLevel
from routing.services import rule_sets
from tests.factories.inventory import make_location, make_product, set_stocks

pytestmark = pytest.mark.django_db

URL = "/api/v1"
RULES = {"name": "default", "rules": [{"name": "all", "steps": [{"name": "any", "rest": "backorder"}]}]}


@pytest.fixture
def stocked(web):
    make_product("SKU-1", weight_g=400)
    make_product("SKU-2", weight_g=100)
    make_location("PARIS", latitude=48.85, longitude=2.35)
    make_location("LYON", latitude=45.76, longitude=4.83)
    set_stocks({("SKU-1", "PARIS"): 3, ("SKU-1", "LYON"): 3, ("SKU-2", "LYON"): 1})


def wish(**more):
    return {
        "channel": "web",
        "lines": [{"sku": "SKU-1", "quantity": 2}],
        "destination": {"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38},
        "delivery": {"method": "ship", "service": "standard"},
        **more,
    }


def by_distance(**step):
    return {"rules": [{"steps": [{"weights": {"distance_km": 1}, **step}]}]}


def faults(response):
    assert response.status_code == 422
    return {(fault["pointer"], fault["code"]) for fault in response.json()["errors"]}


# ---- planning ------------------------------------------------------------------------------------


def test_a_dry_run_answers_the_plan_and_its_reasons(client, stocked):
    answer = client.post(f"{URL}/routing/plan/", wish(rule_set=by_distance()), format="json")

    body = answer.json()
    assert answer.status_code == 200
    (fulfillment,) = body["fulfillments"]
    assert fulfillment["location"] == "PARIS"
    assert fulfillment["lines"] == [{"sku": "SKU-1", "quantity": 2}]
    assert fulfillment["service"] == "standard"
    assert (body["optimal"], body["cost"] == body["lower_bound"], body["gap"], body["rest"]) == (True, True, 0, [])
    assert (body["currency"], body["decision"]) == ("EUR", None)
    assert [c["location"] for c in body["explanation"]["candidates"]] == ["LYON", "PARIS"]
    assert [s["outcome"] for s in body["explanation"]["steps"]] == ["served"]
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    ("step", "sent", "cut", "rest"),
    [
        ({"rest": "refuse"}, {"LYON": [3, 1], "PARIS": [3]}, [1, 2], []),
        ({"rest": "refuse", "no_split_below": "1000"}, {"LYON": [3, 1]}, [4, 2], []),
        ({"rest": "exception", "from": {"locations": ["PARIS"]}}, {"PARIS": [3]}, [1, 2], [3, 1]),
        ({"rest": "refuse", "from": {"locations": ["NOWHERE"]}}, {}, [], [7, 3]),
    ],
)
def test_a_dry_run_shows_what_an_order_that_may_be_cut_would_get(client, stocked, step, sent, cut, rest):
    """Of nothing it tells why, like the order's refusal."""

    def units(lines):
        return [line["quantity"] for line in lines]

    lines = [{"sku": "SKU-1", "quantity": 7}, {"sku": "SKU-2", "quantity": 3}]
    asked = wish(lines=lines, rule_set=by_distance(**step))
    whole = client.post(f"{URL}/routing/plan/", asked, format="json").json()

    body = client.post(f"{URL}/routing/plan/", asked | {"allow_partial": True}, format="json").json()

    assert {f["location"]: units(f["lines"]) for f in body["fulfillments"]} == sent
    assert (units(body.get("cut", [])), units(body["rest"])) == (cut, rest)
    assert "cut" not in whole


def test_what_cannot_be_served_is_told_with_where_the_rules_send_it(client, stocked):
    body = client.post(f"{URL}/routing/plan/", wish(lines=[{"sku": "SKU-2", "quantity": 3}]), format="json").json()

    assert [f["lines"] for f in body["fulfillments"]] == [[{"sku": "SKU-2", "quantity": 1}]]
    assert body["rest"] == [
        {"sku": "SKU-2", "quantity": 2, "disposition": "exception", "date": None, "cancel_after_days": None}
    ]


def test_what_would_wait_tells_when_it_is_canceled(client, stocked):
    rules = {"rules": [{"steps": [{"rest": "backorder", "cancel_after_days": 9}]}]}
    lines = [{"sku": "SKU-2", "quantity": 3}]

    body = client.post(f"{URL}/routing/plan/", wish(lines=lines, rule_set=rules), format="json").json()

    assert [(rest["disposition"], rest["cancel_after_days"]) for rest in body["rest"]] == [("backorder", 9)]


def test_a_dry_run_may_have_a_date_to_keep(client, stocked):
    rules = {"rules": [{"steps": [{"from": {"on_time": True}, "rest": "exception"}]}]}
    asked = wish(rule_set=rules, as_of="2026-11-26T12:00:00Z")

    served = client.post(f"{URL}/routing/plan/", asked, format="json").json()
    late = client.post(f"{URL}/routing/plan/", {**asked, "wanted_by": "2026-11-25T12:00:00Z"}, format="json").json()

    assert served["rest"] == []
    assert late["fulfillments"] == []
    assert {c["excluded_because"] for c in late["explanation"]["candidates"]} == {"late"}


def test_a_kept_dry_run_can_be_read_again(client, stocked):
    body = client.post(f"{URL}/routing/plan/", wish(keep=True), format="json").json()

    told = client.get(f"{URL}/decisions/{body['decision']}/").json()
    assert told["id"] == body["decision"]
    assert told["demand"]["lines"] == [{"line": "l1", "sku": "SKU-1", "quantity": 2}]
    assert told["rule_set"] == {"id": None, "version": None}
    assert {c["location"]: c["eligible"] for c in told["candidates"]} == {"LYON": True, "PARIS": True}


def test_excluded_places_are_left_out(client, stocked):
    body = client.post(f"{URL}/routing/plan/", wish(rule_set=by_distance(), exclude=["PARIS"]), format="json").json()

    assert [f["location"] for f in body["fulfillments"]] == ["LYON"]
    assert {c["location"]: c["excluded_because"] for c in body["explanation"]["candidates"]} == {
        "LYON": None,
        "PARIS": "excluded",
    }


def test_a_stored_rule_set_can_be_tried_before_it_is_published(client, stocked):
    made = client.post(f"{URL}/rule-sets/", {"name": "near", **by_distance()}, format="json").json()

    body = client.post(f"{URL}/routing/plan/", wish(rule_set=made["id"]), format="json").json()

    assert [f["location"] for f in body["fulfillments"]] == ["PARIS"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"channel": "fax"}, {("/channel", "unknown_channel")}),
        ({"as_of": "2199-12-31T23:59:59Z"}, {("/as_of", "too_far_away")}),
        ({"as_of": "1901-01-01T00:00:00Z"}, {("/as_of", "too_far_away")}),
        ({"as_of": "1901-01-01T00:00:00+14:00"}, {("/as_of", "too_far_away")}),
        ({"lines": []}, {("/lines", "too_short")}),
        ({"lines": [{"sku": "NO", "quantity": 1}]}, {("/lines/0/sku", "unknown_sku")}),
        ({"lines": [{"sku": "SKU-1", "quantity": 0}]}, {("/lines/0/quantity", "greater_than_equal")}),
        ({"exclude": ["NOWHERE"]}, {("/exclude/0", "unknown_location")}),
        ({"delivery": {"method": "pickup", "location": "NO"}}, {("/delivery/location", "unknown_location")}),
        ({"delivery": {"method": "pickup"}}, {("/delivery/location", "required")}),
        ({"rule_set": "rul_none"}, {("/rule_set", "unknown_rule_set")}),
        ({"rule_set": {"rules": [{"steps": [{"rest": "?"}]}]}}, {("/rule_set/rules/0/steps/0/rest", "literal_error")}),
        ({"surprise": 1}, {("/surprise", "unknown_field")}),
        ({"destination": {"country": "France"}}, {("/destination/country", "string_pattern_mismatch")}),
    ],
)
def test_each_fault_of_a_dry_run_is_named(client, stocked, changes, expected):
    assert faults(client.post(f"{URL}/routing/plan/", wish(**changes), format="json")) == expected


def test_an_address_off_the_map_is_planned_with_a_note(client, stocked):
    answer = client.post(
        f"{URL}/routing/plan/", wish(destination={"country": "ZZ", "postal_code": "?!"}), format="json"
    )

    assert answer.status_code == 200
    assert "destination_not_placed" in answer.json()["explanation"]["notes"]


def test_a_bound_key_plans_for_its_channel_only(client_with, stocked):
    client = client_with("routing:read", channel="web")

    assert client.post(f"{URL}/routing/plan/", wish(), format="json").status_code == 200
    refused = client.post(f"{URL}/routing/plan/", wish(channel="app"), format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "channel_not_allowed")


def test_writing_needs_the_scope_for_it(client_with):
    reader = client_with("routing:read")

    assert reader.get(f"{URL}/rule-sets/").status_code == 200
    assert reader.post(f"{URL}/rule-sets/", RULES, format="json").status_code == 403
    assert reader.post(f"{URL}/postal-areas/", {}, format="json").status_code == 403
    assert not RuleSet.objects.exists()


# ---- rule sets -----------------------------------------------------------------------------------


def test_a_rule_set_is_drafted_changed_published_and_exported(client, stocked):
    made = client.post(f"{URL}/rule-sets/", RULES, format="json")
    address = f"{URL}/rule-sets/{made.json()['id']}/"
    assert (made.status_code, made.json()["status"], made.json()["actions"]) == (
        201,
        "draft",
        ["edit", "publish", "delete"],
    )

    changed = client.patch(address, {"name": "for all"}, format="json")
    assert (changed.status_code, changed.json()["name"]) == (200, "for all")

    published = client.post(f"{address}publish/", format="json")
    assert (published.status_code, published.json()["status"], published.json()["actions"]) == (200, "published", [])

    exported = client.get(f"{address}export/").json()
    as_yaml = client.get(f"{address}export/?format=yaml")
    assert parse(yaml.safe_load(as_yaml.content)).as_json() == exported
    assert exported["rules"][0]["steps"][0]["rest"] == "backorder"
    again = client.post(f"{URL}/rule-sets/", exported, format="json").json()
    assert (again["version"], again["status"]) == (2, "draft")

    listed = client.get(f"{URL}/rule-sets/?status=published").json()
    assert [row["id"] for row in listed["results"]] == [made.json()["id"]]


def test_a_published_rule_set_refuses_changes(client, stocked):
    made = client.post(f"{URL}/rule-sets/", RULES, format="json").json()
    address = f"{URL}/rule-sets/{made['id']}/"
    client.post(f"{address}publish/", format="json")

    changed = client.patch(address, {"name": "x"}, format="json")
    again = client.post(f"{address}publish/", format="json")

    assert (changed.status_code, changed.json()["code"]) == (409, "not_a_draft")
    assert (again.status_code, again.json()["code"]) == (409, "illegal_move")
    assert client.delete(address).status_code == 409
    assert client.get(address).json()["name"] == "default"


def test_only_what_was_seen_is_changed_published_or_forgotten(client, stocked):
    made = client.post(f"{URL}/rule-sets/", RULES, format="json")
    address, seen = f"{URL}/rule-sets/{made.json()['id']}/", made["ETag"]
    assert client.get(address)["ETag"] == seen
    changed = client.patch(address, {"name": "other"}, format="json", HTTP_IF_MATCH=seen)
    assert (changed.status_code, changed["ETag"] != seen) == (200, True)
    kept = RuleSet.objects.values().get()

    late = [
        client.patch(address, {"name": "mine"}, format="json", HTTP_IF_MATCH=seen),
        client.patch(address, {"name": "mine"}, format="json", HTTP_IF_MATCH=f"W/{changed['ETag']}"),  # weak: no match
        client.post(f"{address}publish/", format="json", HTTP_IF_MATCH=f'"0", {seen}'),
        client.delete(address, HTTP_IF_MATCH=seen),
        client.delete(address, HTTP_IF_MATCH="nonsense"),
    ]

    told = {(answer.status_code, answer.json()["code"], answer.json()["etag"]) for answer in late}
    assert told == {(412, "precondition_failed", changed["ETag"])}
    assert RuleSet.objects.values().get() == kept
    assert client.patch(address, {"name": "all"}, format="json", HTTP_IF_MATCH="*").status_code == 200
    newest = client.get(address)["ETag"]
    published = client.post(f"{address}publish/", format="json", HTTP_IF_MATCH=f'"0", {newest}')
    assert (published.status_code, published.json()["status"]) == (200, "published")
    assert client.delete(address, HTTP_IF_MATCH=newest).status_code == 412  # it is no draft any more


def test_what_changes_between_the_look_and_the_lock_is_not_published(client, stocked, monkeypatch):
    made = client.post(f"{URL}/rule-sets/", RULES, format="json")
    find = rule_sets.find_rule_set

    def find_and_be_outrun(pk):
        found = find(pk)
        rule_sets.change_draft(rule_set_id=pk, changes={"name": "theirs"})
        return found

    monkeypatch.setattr(rule_sets, "find_rule_set", find_and_be_outrun)
    late = client.post(f"{URL}/rule-sets/{made.json()['id']}/publish/", format="json", HTTP_IF_MATCH=made["ETag"])

    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert RuleSet.objects.get().status == "draft"


def test_faults_of_a_document_are_named(client):
    assert faults(client.post(f"{URL}/rule-sets/", {"rules": [{"stepz": []}]}, format="json")) == {
        ("/rules/0/steps", "required"),
        ("/rules/0/stepz", "unknown_field"),
    }
    assert faults(client.post(f"{URL}/rule-sets/", [], format="json")) == {("", "not_an_object")}
    french = {"format": "json", "headers": {"accept-language": "fr"}}
    assert client.post(f"{URL}/rule-sets/", [], **french).json()["errors"][0]["detail"] == "Il faut un objet JSON"
    assert client.get(f"{URL}/rule-sets/rul_none/").status_code == 404
    assert client.get(f"{URL}/decisions/dec_none/").status_code == 404


# ---- tables --------------------------------------------------------------------------------------


def test_service_levels_carry_their_scope(client, stocked):
    body = {
        "scope": {"locations": ["LYON"], "methods": ["ship"]},
        "acknowledge_minutes": 0.5,
        "prepare_minutes": 30,
        "collect_hours": 72,
        "warn_at_share": 0.8,
        "max_attempts": 2,
    }

    made = client.post(f"{URL}/service-levels/", body, format="json")

    assert made.status_code == 201
    assert made.json()["scope"] == {
        "locations": ["LYON"],
        "groups": [],
        "kinds": [],
        "methods": ["ship"],
        "services": [],
    }
    assert made.json()["acknowledge_minutes"] == 0.5
    address = f"{URL}/service-levels/{made.json()['id']}/"
    assert client.patch(address, {"max_attempts": 5}, format="json").json()["max_attempts"] == 5
    assert client.delete(address).status_code == 204
    assert not ServiceLevel.objects.exists()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {("/acknowledge_minutes", "required")}),
        ({"acknowledge_minutes": -1}, {("/acknowledge_minutes", "min_value")}),
        ({"acknowledge_minutes": 0}, {("/acknowledge_minutes", "min_value")}),
        ({"acknowledge_minutes": 1e300}, {("/acknowledge_minutes", "max_value")}),
        ({"acknowledge_minutes": "nan"}, {("/acknowledge_minutes", "invalid")}),
        ({"acknowledge_minutes": 1, "prepare_minutes": 0}, {("/prepare_minutes", "min_value")}),
        ({"acknowledge_minutes": 1, "prepare_minutes": 527_041}, {("/prepare_minutes", "max_value")}),
        ({"acknowledge_minutes": 1, "collect_hours": 0}, {("/collect_hours", "min_value")}),
        ({"acknowledge_minutes": 1, "collect_hours": 8785}, {("/collect_hours", "max_value")}),
        ({"acknowledge_minutes": 1, "warn_at_share": 2}, {("/warn_at_share", "max_value")}),
        ({"acknowledge_minutes": 1, "max_attempts": 0}, {("/max_attempts", "min_value")}),
        ({"acknowledge_minutes": 1, "scope": {"kinds": ["shop"]}}, {("/scope/kinds/0", "invalid_choice")}),
        ({"acknowledge_minutes": 1, "scope": {"locations": ["NO"]}}, {("/scope/locations", "unknown_location")}),
        ({"acknowledge_minutes": 1, "scope": {"groups": ["no"]}}, {("/scope/groups", "unknown_group")}),
        ({"acknowledge_minutes": 1, "escalate_at_share": -0.1}, {("/escalate_at_share", "min_value")}),
        ({"acknowledge_minutes": 1, "escalate_at_share": 0.5}, {("/escalate_at_share", "before_the_place")}),
        ({"acknowledge_minutes": 1, "hand_over_minutes": 0}, {("/hand_over_minutes", "min_value")}),
        ({"acknowledge_minutes": 1, "scope": {"regions": []}}, {("/scope/regions", "unknown_field")}),
        ({"acknowledge_minutes": 1, "prepare": 5}, {("/prepare", "unknown_field")}),
    ],
)
def test_a_faulty_service_level_is_refused(client, body, expected):
    response = client.post(f"{URL}/service-levels/", body, format="json")

    assert {(pointer, code) for pointer, code in faults(response)} == expected
    assert not ServiceLevel.objects.exists()


CARRIER = {
    "code": "post-home",
    "carrier": "Post",
    "name": "Home",
    "service": "standard",
    "currency": "EUR",
    "max_weight_g": 30000,
    "cut_off": "17:00",
    "zones": [
        {"code": "near", "max_distance_km": 50, "transit_days": 1, "rates": [{"max_weight_g": None, "price": "3.00"}]},
        {
            "code": "france",
            "countries": ["FR"],
            "transit_days": 2,
            "rates": [{"max_weight_g": 1000, "price": "5.00"}, {"max_weight_g": None, "price": "9.00"}],
        },
    ],
}


def test_a_carrier_service_comes_with_its_price_list_and_is_used_at_once(client, stocked):
    made = client.post(f"{URL}/carrier-services/", CARRIER, format="json")
    assert made.status_code == 201
    assert [zone["code"] for zone in made.json()["zones"]] == ["near", "france"]

    body = client.post(f"{URL}/routing/plan/", wish(), format="json").json()

    assert (body["cost"], body["fulfillments"][0]["location"]) == ("3.00", "PARIS")
    assert body["fulfillments"][0]["carrier_service"] == "post-home"
    scores = {c["location"]: c["score"] for c in body["explanation"]["candidates"]}
    assert scores == {"PARIS": "3.00", "LYON": "5.00"}


def test_a_price_list_is_replaced_as_a_whole(client, stocked):
    client.post(f"{URL}/carrier-services/", CARRIER, format="json")

    changed = client.patch(f"{URL}/carrier-services/post-home/", {"zones": CARRIER["zones"][:1]}, format="json")
    named = client.patch(f"{URL}/carrier-services/post-home/", {"name": "To your door"}, format="json")

    assert [zone["code"] for zone in changed.json()["zones"]] == ["near"]
    assert (named.json()["name"], len(named.json()["zones"])) == ("To your door", 1)
    assert Rate.objects.count() == 1


def test_a_doubtful_price_list_is_refused(client):
    twice = {**CARRIER, "zones": [CARRIER["zones"][0], CARRIER["zones"][0]]}
    two_prices = {**CARRIER, "zones": [{**CARRIER["zones"][0], "rates": [{"max_weight_g": 5, "price": "1"}] * 2}]}
    negative = {**CARRIER, "zones": [{**CARRIER["zones"][0], "rates": [{"max_weight_g": 5, "price": "-1"}]}]}

    assert faults(client.post(f"{URL}/carrier-services/", twice, format="json")) == {("/zones", "duplicate")}
    assert faults(client.post(f"{URL}/carrier-services/", two_prices, format="json")) == {
        ("/zones/0/rates", "duplicate")
    }
    assert faults(client.post(f"{URL}/carrier-services/", negative, format="json")) == {
        ("/zones/0/rates/0/price", "min_value")
    }
    slow = {**CARRIER, "zones": [{**CARRIER["zones"][0], "transit_days": 366}]}
    assert faults(client.post(f"{URL}/carrier-services/", slow, format="json")) == {
        ("/zones/0/transit_days", "max_value")
    }
    assert faults(client.post(f"{URL}/carrier-services/", {**CARRIER, "currency": "XYZ"}, format="json")) == {
        ("/currency", "unknown_currency")
    }
    assert not CarrierService.objects.exists()


def test_what_a_price_list_leaves_open_is_told_over_the_api(client, web):
    zones = [{"code": "all", "transit_days": 1, "rates": [{"max_weight_g": 1000, "price": "4.00"}]}]
    zones.append({"code": "paris", "postal_prefixes": ["75"], "transit_days": 1, "rates": []})
    made = {"code": "post.home", "carrier": "Post", "name": "Home", "service": "standard", "zones": zones}
    assert client.post(f"{URL}/carrier-services/", made, format="json").status_code == 201

    told = client.get(f"{URL}/carrier-services/post.home/review/").json()["remarks"]

    assert [(remark["zone"], remark["code"], remark["serious"]) for remark in told] == [
        ("all", "heavier_has_no_price", False),
        ("paris", "no_prices", True),
    ]
    assert told[1]["detail"] == "paris: The zone has no prices: it is passed over as if it were not there."
    assert client.get(f"{URL}/carrier-services/none/review/").json()["code"] == "carrier_service_not_found"


def test_rates_are_also_a_table_of_their_own(client, stocked):
    client.post(f"{URL}/carrier-services/", CARRIER, format="json")
    row = {"carrier_service": "post-home", "zone": "france", "max_weight_g": 2000, "price": "6.50"}

    made = client.post(f"{URL}/rates/", row, format="json")
    assert made.status_code == 201
    assert faults(client.post(f"{URL}/rates/", row, format="json")) == {("/max_weight_g", "duplicate")}
    assert faults(client.post(f"{URL}/rates/", {**row, "zone": "moon"}, format="json")) == {("/zone", "unknown_zone")}

    address = f"{URL}/rates/{made.json()['id']}/"
    assert client.patch(address, {"price": "6.00"}, format="json").json() == {
        "id": made.json()["id"],
        **row,
        "price": "6.00",
    }
    listed = client.get(f"{URL}/rates/?carrier_service=post-home&zone=france").json()["results"]
    assert {(rate["max_weight_g"], rate["price"]) for rate in listed} == {
        (1000, "5.00"),
        (2000, "6.00"),
        (None, "9.00"),
    }
    assert client.delete(address).status_code == 204


def test_postal_areas_are_kept_one_per_code(client):
    row = {"country": "FR", "code": "75 011", "name": "Paris 11", "latitude": 48.86, "longitude": 2.38}

    assert client.post(f"{URL}/postal-areas/", row, format="json").json()["code"] == "75011"
    assert client.post(f"{URL}/postal-areas/", row, format="json").status_code == 422
    assert faults(client.post(f"{URL}/postal-areas/", {**row, "code": "1", "latitude": 91}, format="json")) == {
        ("/latitude", "max_value")
    }
    assert PostalArea.objects.count() == 1
    assert len(client.get(f"{URL}/postal-areas/?country=FR&code=75011").json()["results"]) == 1


@pytest.mark.parametrize("code", ["a/b", "a,b", "a\nb", "a\u2028b"])
def test_a_carrier_service_has_a_code_that_stands_in_addresses(client, code):
    response = client.post(f"{URL}/carrier-services/", {**CARRIER, "code": code}, format="json")

    assert {pointer for pointer, _code in faults(response)} == {"/code"}
    assert not CarrierService.objects.exists()


def test_a_code_with_a_point_can_be_found(client):
    client.post(f"{URL}/carrier-services/", {**CARRIER, "code": "post.home"}, format="json")

    assert client.get(f"{URL}/carrier-services/post.home/").json()["code"] == "post.home"


@pytest.mark.parametrize("size", ["0", "-1", "ten", "", "٣", "1_0"])
@pytest.mark.parametrize("path", ["service-levels", "rule-sets", "products", "stock/movements", "events"])
def test_a_page_size_that_is_no_number_is_refused(client, path, size):
    assert faults(client.get(f"{URL}/{path}/", {"page_size": size})) == {("/page_size", "not_a_number")}


def test_pages_beyond_the_most_are_capped(client):
    assert client.get(f"{URL}/service-levels/", {"page_size": "501"}).status_code == 200
