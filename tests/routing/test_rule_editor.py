"""The editor of rules: forms that say what the document can say, acts that change a draft as it was seen."""

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils.translation import override
from hypothesis import given, settings
from hypothesis import strategies as st

from oms import roles
from oms.models import Channel, Event
from routing.admin.rule_forms import ItemForm, NameForm, RuleForm, StepForm
from routing.documents import BUILT_IN, Rule, RuleSetDocument, Source, Step, Weights, When, parse
from routing.editing import fingerprint
from routing.labels import LABELS
from routing.models import RuleSet, Shadow, Simulation
from routing.queries import rules_for
from routing.services.rule_sets import change_draft, create_draft, edit_draft, publish_rule_set
from tests.admin.conftest import client_as  # noqa: F401
from tests.admin.forms import fields_of
from tests.factories.inventory import make_location, make_product

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NEW_YEAR = date(2026, 1, 1)
RULES = {
    "name": "default",
    "rules": [
        {"name": "near", "when": {"methods": ["ship"]}, "steps": [{"name": "paris", "from": {"groups": ["city"]}}, {}]},
        {"name": "all", "steps": [{"name": "any", "rest": "exception"}]},
    ],
}


@pytest.fixture
def office(db):
    client = Client()
    client.force_login(User.objects.create_superuser("boss", password="x"))
    return client


@pytest.fixture
def draft(web):
    make_location("PARIS", groups=["city"])
    make_product("SKU-1", tags=["heavy"])
    return create_draft(document=RULES)


def at(name, *args):
    return reverse(f"admin:routing_ruleset_{name}", args=args)


def said(answer):
    return unescape(answer.content.decode())


def messages_of(answer):
    return [str(message) for message in answer.context["messages"]]


def fill(client, address, **changes):
    """Send the page's form back, some fields changed; `-` stands for a dash within a name."""
    changes = {name.replace("__", "-"): value for name, value in changes.items()}
    return client.post(address, {**fields_of(client, address), **changes}, follow=True)


def act(client, rule_set, what, **extra):
    rule_set.refresh_from_db()
    data = {"act": what, "seen": fingerprint(rule_set.document), **extra}
    return client.post(at("act", rule_set.pk), data, follow=True)


def names(rule_set):
    rule_set.refresh_from_db()
    return [(rule["name"], [step["name"] for step in rule["steps"]]) for rule in rule_set.document["rules"]]


# ---- forms -------------------------------------------------------------------------------------------

NAMES = {
    "channels": [("web", "Web"), ("app", "App")],
    "groups": [("city", "city"), ("hub", "hub")],
    "exclude_groups": [("city", "city"), ("hub", "hub")],
    "locations": [("PARIS", "Paris"), ("LYON", "Lyon")],
    "tags": [("heavy", "heavy")],
    "no_split_tags": [("heavy", "heavy")],
}
_words = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=6)
_names = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=20)
_some = lambda of: st.lists(of, max_size=3, unique=True)  # noqa: E731
_money = st.none() | st.decimals(0, 10**6, places=2).map(str)
_count = st.integers(0, 1_000_000)
_weight = st.floats(0, 1_000_000, allow_nan=False)
_clock = st.none() | st.times().map(lambda time: f"{time:%H:%M}")
_maybe = lambda of: st.none() | of  # noqa: E731
_whens = st.fixed_dictionaries(
    {
        "channels": _some(st.sampled_from(["web", "app", "gone"])),
        "methods": _some(st.sampled_from(["ship", "pickup", "curbside", "locker"])),
        "services": _some(st.sampled_from(["standard", "express", "same_day"])),
        "countries": _some(st.sampled_from(["FR", "BE", "NO"])),
        "postal_prefixes": _some(_words.map(str.upper)),
        "skus": _some(_words),
        "tags": _some(st.sampled_from(["heavy", "gone"])),
        "customer_tags": _some(_words),
        "min_value": _money,
        "max_value": _money,
        "min_weight_g": _maybe(_count),
        "max_weight_g": _maybe(_count),
        "weekdays": _some(st.sampled_from(["mon", "sat", "sun"])),
        "from_time": _clock,
        "until_time": _clock,
        "min_units": _maybe(st.integers(0, 5)),
        "max_units": _maybe(st.integers(5, 9)),
        "from_date": _maybe(st.dates(max_value=NEW_YEAR).map(str)),
        "until_date": _maybe(st.dates(min_value=NEW_YEAR).map(str)),
    }
)
_sources = st.fixed_dictionaries(
    {
        "kinds": _some(st.sampled_from(["store", "warehouse"])),
        "groups": _some(st.sampled_from(["city", "hub", "gone"])),
        "exclude_groups": _some(st.sampled_from(["city", "gone"])),
        "locations": _some(st.sampled_from(["PARIS", "LYON", "GONE"])),
        "abilities": _some(st.sampled_from(["ship", "pickup"])),
        "max_distance_km": _maybe(st.floats(0, 50_000)),
        "ignore_capacity": st.booleans(),
        "min_sellable": _count,
        "min_left_after": _count,
        "open_now": st.booleans(),
        "on_time": st.booleans(),
        "min_capacity_left": _count,
        "before_cut_off": st.booleans(),
        "min_confidence": st.floats(0, 1),
    }
)
_steps = st.fixed_dictionaries(
    {
        "name": _names,
        "from": _sources,
        "weights": st.fixed_dictionaries(dict.fromkeys(Weights.model_fields, _weight)),
        "max_parcels": _maybe(st.integers(1, 100)),
        "min_parcel_value": _money,
        "keep_groups": st.booleans(),
        "complete": st.booleans(),
        "rest": st.sampled_from(["next", "backorder", "exception", "refuse"]),
        "no_split_below": _money,
        "no_split_tags": _some(st.sampled_from(["heavy", "gone"])),
        "no_split_customer_tags": _some(_words),
        "offer_to": st.integers(1, 20),
        "cancel_after_days": _maybe(st.integers(1, 365)),
    }
).map(lambda step: step if step["rest"] in ("backorder", "exception") else {**step, "cancel_after_days": None})


def written(model, item):
    return model.model_validate(item).model_dump(mode="json", by_alias=True)


def sent_back(form: ItemForm):
    """What a browser sends of this form, untouched."""
    sent = {}
    for field in form:
        value = field.value()
        if value is True:
            sent[field.name] = "on"
        elif value is not False and value is not None:
            sent[field.name] = value if field.widget_type == "checkboxselectmultiple" else str(value)
        if isinstance(value, list) and field.widget_type == "textarea":
            sent[field.name] = form.fields[field.name].prepare_value(value)
    return sent


def set_of(item):
    """Lists of boxes have no order of their own."""
    if isinstance(item, dict):
        return {key: set_of(value) for key, value in item.items()}
    return sorted(map(str, item)) if isinstance(item, list) and not any(isinstance(x, dict) for x in item) else item


def round_trip(form_class, model, item):
    before = written(model, item)
    for filled, full in ((item, before), *((item[box], before[box]) for box in form_class.boxes)):
        assert set(filled) == set(full)  # what is never filled in could be lost unseen
    form = form_class(sent_back(form_class(item=before, names=NAMES)), item=before, names=NAMES)
    assert form.is_valid(), form.errors
    assert set_of(form.item) == set_of(before)


@settings(max_examples=150, deadline=None)
@given(_steps)
def test_a_step_comes_back_from_its_form_as_it_was(step):
    round_trip(StepForm, Step, step)


@settings(max_examples=150, deadline=None)
@given(_names, _whens)
def test_a_rule_comes_back_from_its_form_as_it_was(name, when):
    round_trip(RuleForm, Rule, {"name": name, "when": when, "steps": [{"name": "kept", "rest": "refuse"}]})


@given(_names, _some(st.sampled_from(["web", "app", "gone"])))
def test_a_head_comes_back_with_its_rules(name, channels):
    round_trip(NameForm, RuleSetDocument, {"name": name, "channels": channels, "rules": RULES["rules"]})


def test_everything_a_rule_set_can_say_has_a_field_with_a_label():
    rule = RuleForm(item=written(Rule, {"steps": [{}]}), names=NAMES)
    step = StepForm(item=written(Step, {}), names=NAMES)

    assert {name.partition("-")[2] for name in rule.fields if "-" in name} == set(When.model_fields)
    assert {name.partition("-")[2] for name in step.fields if "-" in name} == {
        *Source.model_fields,
        *Weights.model_fields,
    }
    assert {*When.model_fields, *Source.model_fields, *Weights.model_fields, *Step.model_fields} - set(LABELS) == {
        "source",
        "weights",
    }
    for form in (rule, step):
        assert {field.name for section in form.shown() for field in section.fields} == set(form.fields)


def test_name_and_channels_of_a_rule_set_stand_open():
    form = NameForm(item=written(RuleSetDocument, {"rules": RULES["rules"]}) | {"name": ""}, names=NAMES)

    assert [(section.title, [field.name for field in section.fields]) for section in form.shown()] == [
        ("", ["name", "channels"])
    ]


def test_by_cost_stands_in_its_field_and_opens_no_section():
    form = StepForm(item=written(Step, {}), names=NAMES)

    assert form["weights-cost"].value() == "1"
    assert [section.is_open for section in form.shown() if form["weights-cost"] in section.fields] == [False]


def test_what_is_wrong_is_told_at_its_field():
    item = written(Step, {})
    form = StepForm({"name": "x", "rest": "next", "weights-cost": "-1", "max_parcels": "0"}, item=item, names=NAMES)

    assert not form.is_valid()
    assert {name: list(errors) for name, errors in form.errors.items()} == {
        "weights-cost": ["At least 0 is needed"],
        "max_parcels": ["At least 1 is needed"],
    }
    huge = StepForm({"name": "x", "rest": "next", "weights-cost": "1e400"}, item=item, names=NAMES)
    assert list(huge.errors) == ["weights-cost"]


def test_a_place_is_typed_where_there_are_too_many_to_tick():
    many = {**NAMES, "locations": [(f"P{n}", f"P{n}") for n in range(401)]}
    form = StepForm({"name": "x", "rest": "next", "from-locations": "P1, P2\nP3"}, item=written(Step, {}), names=many)

    assert form.is_valid()
    assert form.item["from"]["locations"] == ["P1", "P2", "P3"]


# ---- pages -------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_page_tells_the_rules_their_steps_and_what_is_wrong(office, draft):
    edit_draft(rule_set_id=draft.pk, edit=lambda d: d["rules"].append(d["rules"][0]), seen=fingerprint(draft.document))

    shown = said(office.get(at("change", draft.pk)))

    assert "Orders by delivery" in shown
    assert "any number of parcels from any place of city" in shown
    assert "Never reached: every order it speaks for is taken by the rule “near” before." in shown
    assert 'id="rule-3"' in shown and "No version of it was published yet." in shown


@pytest.mark.django_db
def test_a_condition_is_changed_in_its_form(office, draft):
    answer = fill(
        office,
        at("rule", draft.pk, 0),
        name="near Paris",
        when__countries="FR be".upper(),
        when__min_value="50",
        when__skus="SKU 1, SKU-2",
    )

    draft.refresh_from_db()
    when = draft.document["rules"][0]["when"]
    assert messages_of(answer) == ["Saved."]
    assert (when["countries"], when["min_value"], when["methods"]) == (["FR", "BE"], "50", ["ship"])
    assert when["skus"] == ["SKU 1", "SKU-2"]
    assert names(draft) == [("near Paris", ["paris", "step"]), ("all", ["any"])]
    assert answer.redirect_chain[0][0].endswith("#rule-1")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"when__countries": "France"}, "This is not in the form that is needed"),
        ({"when__min_units": "9", "when__max_units": "2"}, "The range ends before it begins"),
    ],
)
def test_a_wrong_condition_is_told_and_what_was_typed_stays(office, draft, typed, told):
    before = draft.document

    answer = fill(office, at("rule", draft.pk, 0), name="mine", **typed)

    draft.refresh_from_db()
    assert draft.document == before
    assert told in said(answer)
    assert 'value="mine"' in said(answer)
    form = answer.context["form"]
    assert all(form[name.replace("__", "-")].value() == value for name, value in typed.items())


@pytest.mark.django_db
def test_a_new_rule_comes_before_the_one_for_every_order(office, draft):
    fill(office, at("rule_new", draft.pk), name="heavy", when__tags=["heavy"])

    assert [name for name, _steps in names(draft)] == ["near", "heavy", "all"]
    assert draft.document["rules"][1]["steps"] == [
        {**BUILT_IN.rules[0].steps[0].model_dump(mode="json", by_alias=True), "name": "any place"}
    ]


def ticked_places(answer):
    return [box.data["value"] for box in answer.context["form"]["from-locations"] if box.data["selected"]]


@pytest.mark.django_db
def test_places_keep_the_order_in_which_they_are_preferred(office, web):
    for code in ("A", "B", "C"):
        make_location(code)
    step = {"name": "by order", "from": {"locations": ["C", "A", "B"]}, "weights": {"location_order": 1}}
    made = create_draft(document={"name": "ranked", "rules": [{"name": "r", "steps": [step]}]})
    page = at("step", made.pk, 0, 0)

    def places():
        made.refresh_from_db()
        return made.document["rules"][0]["steps"][0]["from"]["locations"]

    fill(office, page, name="renamed")
    assert places() == ["C", "A", "B"]

    fill(office, page, from__locations=["B", "C"])
    assert places() == ["B", "C"]
    assert ticked_places(office.get(page)) == ["B", "C"]

    refused = fill(office, page, from__locations=["C", "B"], max_parcels="-1")
    assert (places(), ticked_places(refused)) == (["B", "C"], ["C", "B"])


@pytest.mark.django_db
def test_places_out_of_use_are_not_offered_but_can_be_taken_out(office, web):
    make_location("OPEN", groups=["town"])
    make_location("SHUT", groups=["gone"], is_active=False)
    made = create_draft(
        document={"name": "s", "rules": [{"name": "r", "steps": [{"name": "s", "from": {"locations": ["OPEN"]}}]}]}
    )
    page = at("step", made.pk, 0, 0)

    assert "SHUT" not in said(office.get(page))
    assert "gone" not in said(office.get(page))

    made.document["rules"][0]["steps"][0]["from"]["locations"] = ["SHUT", "OPEN"]
    made.save()
    assert "SHUT (not in use)" in said(office.get(page))
    fill(office, page, from__locations=["OPEN"])
    made.refresh_from_db()
    assert made.document["rules"][0]["steps"][0]["from"]["locations"] == ["OPEN"]


@pytest.mark.django_db
def test_a_new_step_is_tried_after_the_others(office, draft):
    fill(office, at("step_new", draft.pk, 1), name="more", max_parcels="3")

    draft.refresh_from_db()
    first, second = draft.document["rules"][1]["steps"]
    assert (first["rest"], second["name"], second["max_parcels"], second["rest"]) == ("next", "more", 3, "exception")


@pytest.mark.django_db
def test_how_long_the_rest_waits_goes_with_the_last_step(office, web):
    steps = [{"name": "one", "rest": "backorder", "cancel_after_days": 14}]
    made = create_draft(document={"name": "waits", "rules": [{"name": "r", "steps": steps}]})

    fill(office, at("step_new", made.pk, 0), name="two")

    made.refresh_from_db()
    waits = [(step["rest"], step["cancel_after_days"]) for step in made.document["rules"][0]["steps"]]
    assert waits == [("next", None), ("backorder", 14)]
    answer = fill(office, at("step", made.pk, 0, 1), rest="refuse")
    assert "Only what is sent to back-order or to a person can be canceled later" in said(answer)


@pytest.mark.django_db
def test_a_step_is_changed_in_its_form(office, draft):
    fill(office, at("step", draft.pk, 0, 0), from__groups=[], from__kinds=["store"], weights__distance_km="0.02")

    draft.refresh_from_db()
    step = draft.document["rules"][0]["steps"][0]
    assert step["weights"]["cost"] == 1  # as it was, now beside another
    assert (step["from"]["groups"], step["from"]["kinds"], step["weights"]["distance_km"]) == ([], ["store"], 0.02)


@pytest.mark.django_db
def test_rules_and_steps_are_moved_copied_and_removed(office, draft):
    for what, expected in (
        ("down:0", [("all", ["any"]), ("near", ["paris", "step"])]),
        ("copy:1", [("all", ["any"]), ("near", ["paris", "step"]), ("near (2)", ["paris", "step"])]),
        ("up:1:1", [("all", ["any"]), ("near", ["step", "paris"]), ("near (2)", ["paris", "step"])]),
        ("remove:2", [("all", ["any"]), ("near", ["step", "paris"])]),
        ("remove:1:0", [("all", ["any"]), ("near", ["paris"])]),
        ("copy:1:0", [("all", ["any"]), ("near", ["paris", "paris (2)"])]),
    ):
        act(office, draft, what)
        assert names(draft) == expected, what


@pytest.mark.django_db
def test_the_last_rule_and_the_last_step_stay(office, draft):
    act(office, draft, "remove:0")

    answer = act(office, draft, "remove:0")
    assert "At least one is needed" in messages_of(answer)
    answer = act(office, draft, "remove:0:0")
    assert "At least one is needed" in messages_of(answer)
    assert names(draft) == [("all", ["any"])]


@pytest.mark.django_db
def test_the_last_change_is_taken_back(office, draft):
    before = names(draft)
    answer = act(office, draft, "remove:1")
    assert "The last change can be taken back." in said(answer)

    answer = office.post(at("undo", draft.pk), {"seen": fingerprint(RuleSet.objects.get().document)}, follow=True)

    assert (messages_of(answer), names(draft)) == (["Undone."], before)
    assert "The last change can be taken back." not in said(answer)


@pytest.mark.django_db
def test_a_change_on_top_of_somebody_elses_is_refused(office, draft):
    page = fields_of(office, at("rule", draft.pk, 0))
    act(office, draft, "up:1")
    before = names(draft)

    answer = office.post(at("rule", draft.pk, 0), {**page, "name": "mine"}, follow=True)

    assert messages_of(answer)[-1] == "Somebody changed this draft in the meantime: look at it again"
    assert 'value="mine"' in said(answer)
    assert names(draft) == before


@pytest.mark.django_db
def test_what_is_published_is_shown_and_changed_in_a_copy(office, draft):
    publish_rule_set(rule_set_id=draft.pk, actor="user:boss", as_of=NOON)

    shown = said(office.get(at("change", draft.pk)))
    assert 'name="act"' not in shown and "Change in a new draft" in shown and "default v1 was published." in shown
    refused = act(office, draft, "up:1")
    assert "Only a draft can be changed: make a new version" in messages_of(refused)

    office.post(at("copy", draft.pk))
    assert list(RuleSet.objects.order_by("version").values_list("version", "status")) == [
        (1, "published"),
        (2, "draft"),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["published", "archived"])
@pytest.mark.parametrize(
    ("page", "numbers"),
    [("name", ()), ("rule_new", ()), ("rule", (0,)), ("step_new", (0,)), ("step", (0, 0)), ("forget", ())],
)
def test_what_is_no_draft_is_not_offered_to_be_changed(office, draft, status, page, numbers):
    publish_rule_set(rule_set_id=draft.pk, actor="user:boss", as_of=NOON)
    if status == "archived":
        publish_rule_set(rule_set_id=create_draft(document=RULES).pk, actor="user:boss", as_of=NOON)

    answer = office.get(at(page, draft.pk, *numbers), follow=True)

    assert answer.redirect_chain == [(at("change", draft.pk), 302)]
    assert messages_of(answer) == ["Only a draft can be changed: make a new version"]


@pytest.mark.django_db
def test_what_was_published_while_somebody_typed_keeps_what_was_typed(office, draft):
    typed = fields_of(office, at("rule", draft.pk, 0)) | {"name": "mine"}
    publish_rule_set(rule_set_id=draft.pk, actor="user:boss", as_of=NOON)

    answer = office.post(at("rule", draft.pk, 0), typed)

    assert messages_of(answer) == ["Only a draft can be changed: make a new version"]
    assert 'value="mine"' in said(answer)


@pytest.mark.django_db
def test_publication_shows_first_what_it_would_change(office, draft):
    publish_rule_set(rule_set_id=draft.pk, actor="user:boss", as_of=NOON)
    office.post(at("copy", draft.pk))
    second = RuleSet.objects.get(version=2)
    act(office, second, "remove:0")

    shown = said(office.get(at("publish", second.pk)))
    assert "It will decide for all other channels, where default v1 decides today." in shown
    assert "Rule “near” is gone" in shown
    assert rules_for("web").version == 1

    answer = office.post(at("publish", second.pk), follow=True)
    assert messages_of(answer) == ["default v2 decides now."]
    assert rules_for("web").version == 2
    assert Event.objects.filter(actor="user:boss", type="routing.rule_set.published").count() == 2


@pytest.mark.django_db
def test_a_rule_set_that_lost_a_channel_says_so_everywhere(office, draft):
    Channel.objects.create(code="app", name="App", currency="EUR")
    both = create_draft(document={**RULES, "name": "both", "channels": ["web", "app"]})
    publish_rule_set(rule_set_id=both.pk, actor="user:boss", as_of=NOON)
    taker = create_draft(document={**RULES, "name": "taker", "channels": ["web"]})

    shown = said(office.get(at("publish", taker.pk)))
    assert "It takes web over from both v1, which goes on to decide for app." in shown
    publish_rule_set(rule_set_id=taker.pk, actor="user:boss", as_of=NOON)

    page = said(office.get(at("change", both.pk)))
    assert "<span>Decides for</span><span>app</span>" in page
    assert "both v1 lost web to taker v1." in page
    rows = re.findall(r"field-shown_channels[^>]*>\s*([^<]*?)\s*<", said(office.get(at("changelist"))))
    assert sorted(rows) == ["all other channels", "app", "web"]
    last = create_draft(document={**RULES, "name": "last", "channels": ["app"]})
    assert "both v1 decides nowhere then and is archived." in said(office.get(at("publish", last.pk)))


@pytest.mark.django_db
def test_a_faulty_draft_cannot_be_published_from_the_page(office, draft):
    wrong = create_draft(document={"name": "w", "rules": [{"steps": [{"from": {"groups": ["gone"]}}]}]})

    shown = said(office.get(at("publish", wrong.pk)))
    assert "It cannot be published before the faults below are mended." in shown
    assert "No place is in the group: gone." in shown
    answer = office.post(at("publish", wrong.pk), follow=True)

    assert "No place is in the group: gone." in messages_of(answer)
    assert RuleSet.objects.get(pk=wrong.pk).status == "draft"
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_only_the_text_that_was_looked_at_is_published(office, draft):
    seen = re.search(r'name="seen" value="(\w+)"', office.get(at("publish", draft.pk)).content.decode())[1]
    report = Simulation.objects.create(
        name="default v1", rule_set=draft.pk, document=draft.document, status="completed", figures={},
        source="period", stock_moves=True, orders_total=1, orders_judged=1, orders_done=1,
        **dict.fromkeys(("placed_after", "stock_as_of", "created_at", "updated_at", "served_at"), NOON),
        placed_before=NOON + timedelta(days=1),
    )  # fmt: skip
    report_page = reverse("admin:routing_simulation_publish", args=[report.pk])
    change_draft(rule_set_id=draft.pk, changes={"channels": ["web"]})

    for page, sent in ((at("publish", draft.pk), {"seen": seen}), (report_page, {})):
        answer = office.post(page, sent, follow=True)
        assert messages_of(answer) == ["Somebody changed this draft in the meantime: look at it again"]
        assert RuleSet.objects.get(pk=draft.pk).status == "draft"
    assert not Event.objects.exists()

    change_draft(rule_set_id=draft.pk, changes={"channels": []})
    office.post(report_page)
    assert RuleSet.objects.get(pk=draft.pk).status == "published"


@pytest.mark.django_db
def test_where_the_house_wants_a_simulation_first_the_page_leads_to_it(office, draft, settings):
    settings.PUBLISHING_NEEDS_SIMULATION = True

    shown = said(office.get(at("publish", draft.pk)))
    simulate = f"{reverse('admin:routing_simulation_new')}?rule_set={draft.pk}"
    assert "It must be simulated on past demands first." in shown and simulate in shown
    assert simulate in said(office.get(at("change", draft.pk)))
    office.post(at("publish", draft.pk), follow=True)

    draft.refresh_from_db()
    assert draft.status == "draft"


@pytest.mark.django_db
def test_versions_are_compared(office, draft):
    other = create_draft(document=RULES | {"channels": ["web"]})

    shown = said(office.get(at("compare", other.pk), {"with": draft.pk}))

    assert "Channels: web instead of nothing." in shown
    assert "+- web" in shown
    assert office.get(at("compare", other.pk), {"with": "nothing"}).status_code == 404
    assert "the built-in rules" in said(office.get(at("compare", other.pk)))


@pytest.mark.django_db
def test_a_file_goes_out_and_comes_in(office, draft):
    file = office.get(at("export", draft.pk))
    assert file["Content-Disposition"] == 'attachment; filename="default-v1.yaml"'

    answer = office.post(at("import"), {"file": SimpleUploadedFile("r.yaml", file.content)}, follow=True)

    assert messages_of(answer) == ["default v2 is a draft: look it over, then publish it."]
    assert RuleSet.objects.get(version=2).document == draft.document


@pytest.mark.django_db
def test_a_wrong_file_is_told_line_by_line(office, draft):
    file = SimpleUploadedFile("r.yaml", b"name: x\nrules:\n- steps:\n  - rest: never\n")

    answer = office.post(at("import"), {"file": file})

    assert "Line 4: One of these is needed: 'next', 'backorder', 'exception' or 'refuse'" in said(answer)
    assert RuleSet.objects.count() == 1


@pytest.mark.django_db
def test_a_new_rule_set_begins_with_any_place(office, draft):
    answer = fill(office, at("new"), name="spring", channels=["web"])

    made = RuleSet.objects.get(name="spring")
    assert (made.channels, made.version, made.status) == (["web"], 1, "draft")
    assert parse(made.document).rules == BUILT_IN.rules
    assert answer.status_code == 200


@pytest.mark.django_db
def test_name_and_channels_are_changed(office, draft):
    fill(office, at("name", draft.pk), name="web", channels=["web"])

    draft.refresh_from_db()
    assert (draft.name, draft.version, draft.channels, len(draft.document["rules"])) == ("web", 1, ["web"], 2)


@pytest.mark.django_db
def test_a_draft_is_forgotten_after_a_question(office, draft):
    assert office.get(at("forget", draft.pk)).status_code == 200
    assert RuleSet.objects.exists()

    office.post(at("forget", draft.pk))

    assert not RuleSet.objects.exists()


@pytest.mark.django_db
def test_what_is_not_there_is_not_found(office, draft):
    for address in (
        at("rule", draft.pk, 7),
        at("step", draft.pk, 0, 7),
        at("change", "rul_none"),
        at("step_new", draft.pk, 9),
    ):
        assert office.get(address).status_code == 404, address
    for what in ("", "jump:0", "up:x", "up", "up:9", "up:0:9", "up:" + "9" * 5000):
        assert act(office, draft, what).status_code == 404, what


@pytest.mark.django_db
def test_who_may_only_look_changes_nothing(client_as, draft):  # noqa: F811
    client = client_as(roles.CUSTOMER_SERVICE)
    assert client.get(at("change", draft.pk)).status_code == 403
    User.objects.get().user_permissions.add(Permission.objects.get(codename="view_ruleset"))
    before = list(RuleSet.objects.values())

    assert 'name="act"' not in said(client.get(at("change", draft.pk)))
    assert client.get(at("compare", draft.pk)).status_code == 200
    for name, args in (
        ("rule", (0,)),
        ("rule_new", ()),
        ("step", (0, 0)),
        ("step_new", (0,)),
        ("name", ()),
        ("publish", ()),
        ("forget", ()),
    ):
        assert client.get(at(name, draft.pk, *args)).status_code == 403, name
        assert client.post(at(name, draft.pk, *args), {"name": "mine"}).status_code == 403, name
    for name in ("act", "undo", "copy", "shadow"):
        assert client.post(at(name, draft.pk), {"act": "up:1"}).status_code == 403, name
    assert client.post(at("import")).status_code == 403
    assert client.post(at("new")).status_code == 403
    assert list(RuleSet.objects.values()) == before
    assert not Event.objects.exists() and not Shadow.objects.exists()


@pytest.mark.django_db
def test_the_pages_speak_french(office, draft):
    with override("fr"):
        shown = said(office.get(at("change", draft.pk), headers={"accept-language": "fr"}))

    assert "Commandes en livraison" in shown and "La première qu’une commande remplit décide." in shown


@pytest.mark.django_db
def test_a_page_of_many_rules_costs_as_many_statements_as_one_of_few(office, draft, django_assert_max_num_queries):
    many = create_draft(document={"name": "many", "rules": [{"name": f"r{n}", "steps": [{}] * 3} for n in range(40)]})
    for _twice in range(2):
        with django_assert_max_num_queries(16):
            office.get(at("change", many.pk))
