"""Rules set by hand in a real browser: on a phone, by keyboard, in both languages; axe finds nothing of ours."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from inventory.models import Location
from oms.clock import now
from routing.models import RuleSet
from routing.services.rule_sets import create_draft, publish_rule_set
from tests.factories.inventory import make_location
from tests.factories.orders import make_network, order_body
from tests.factories.people import placed
from tests.pages.conftest import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
_AXE = Axe()
RULES = {
    "name": "default",
    "rules": [
        {"name": "near", "when": {"methods": ["ship"]}, "steps": [{"name": "city", "from": {"groups": ["city"]}}]},
        {"name": "all", "steps": [{"name": "any", "rest": "exception"}]},
    ],
}
FAULTY = {
    **RULES,
    "rules": [{"name": "gone", "steps": [{"name": "gone", "from": {"groups": ["gone"]}}]}, RULES["rules"][1]],
}


TYPED = "channel=web&method=ship&service=standard&country=FR&postal_code=75011&sku=SKU-1&quantity=2"


@pytest.fixture
def desk(_orm_beside_the_browser: None, live_server: Any, page: Page) -> Any:
    """Somebody who may do everything, signed in. A page that throws fails the test."""
    make_network()
    for number in range(15):
        make_location(f"CITY-{number}", name=f"Cité {number}", groups=["city"])
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="x"))
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    page.context.add_cookies([cookie])  # type: ignore[list-item]
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert complaints == []


def address(name: str, *args: Any) -> str:
    return reverse(f"admin:routing_ruleset_{name}", args=args)


def faults(page: Page) -> list[str]:
    """Of what is ours: the theme around it has landmarks of its own."""
    found = _AXE.run(page, context=".bo").response["violations"]
    told = [f"{page.url}: {fault['id']} {fault['nodes'][0]['html'][:160]}" for fault in found]
    width = page.evaluate("document.documentElement.scrollWidth")
    return told + ([f"{page.url}: {width} px wide"] if width > page.viewport_size["width"] else [])


def names() -> list[tuple[str, list[str]]]:
    document = RuleSet.objects.latest("pk").document
    return [(rule["name"], [step["name"] for step in rule["steps"]]) for rule in document["rules"]]


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("fr", "dark")])
def test_every_page_is_clean_on_a_phone_and_at_a_desk(desk: Page, live_server: Any, language: str, scheme: Any) -> None:
    desk.emulate_media(color_scheme=scheme)
    desk.context.add_cookies([{"name": "django_language", "value": language, "url": live_server.url}])
    published = publish_rule_set(rule_set_id=create_draft(document=RULES).pk, actor="user:ada", as_of=now())
    draft = create_draft(document=FAULTY)
    complaints = []
    for where in (
        address("change", published.pk),
        address("change", draft.pk),
        address("rule", draft.pk, 0),
        address("rule_new", draft.pk),
        address("step", draft.pk, 0, 0),
        address("compare", draft.pk),
        address("publish", draft.pk),
        address("new"),
        address("import"),
        address("bench"),
        f"{address('bench')}?{TYPED}&rules={draft.pk}",
        f"{address('bench')}?{TYPED}&rules={draft.pk}&stock_sku=NONE&stock_place=PARIS",
    ):
        desk.goto(live_server.url + where)
        assert desk.evaluate("document.documentElement.lang") == language
        desk.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
        for size in (PHONE, {"width": 1280, "height": 900}):  # only style sheets ask how wide the screen is
            desk.set_viewport_size(size)  # type: ignore[arg-type]
            complaints += faults(desk)

    assert complaints == []


def test_a_rule_is_made_by_hand_and_published(desk: Page, live_server: Any) -> None:
    desk.set_viewport_size(PHONE)  # type: ignore[arg-type]
    publish_rule_set(rule_set_id=create_draft(document=RULES).pk, actor="user:ada", as_of=now())
    desk.goto(live_server.url + address("changelist"))
    desk.get_by_role("link", name="default v1").click()
    desk.get_by_role("button", name="Change in a new draft").click()

    desk.get_by_role("link", name="Add a rule").click()
    desk.get_by_label("Name", exact=True).fill("express")
    desk.get_by_label("Express").check()
    desk.get_by_role("button", name="Save").click()
    expect(desk.locator("#rules")).to_contain_text("Orders with service express")
    assert [name for name, _steps in names()] == ["near", "express", "all"]

    desk.get_by_role("link", name="Edit: any place").click()
    desk.get_by_label("Name", exact=True).fill("a city place")
    find = desk.get_by_label("Find: Only these places")
    find.fill("cite 14")
    expect(desk.get_by_role("checkbox", name="Cité 13 (CITY-13)")).to_be_hidden()
    find.press("Enter")  # finds, sends nothing
    desk.get_by_role("checkbox", name="Cité 14 (CITY-14)").check()
    desk.get_by_role("button", name="Save").click()
    expect(desk.locator("#rule-2")).to_contain_text("any number of parcels from CITY-14")

    desk.get_by_role("button", name="Earlier: express").click()
    expect(desk.locator("#rule-1")).to_contain_text("express")
    desk.get_by_role("button", name="Duplicate: express").click()
    desk.get_by_role("button", name="Remove: express (2)").click()
    desk.get_by_role("button", name="Undo").click()
    expect(desk.locator("#rule-2")).to_contain_text("Never reached")
    desk.get_by_role("button", name="Remove: express (2)").click()
    expect(desk.get_by_role("button", name="Remove: express (2)")).to_have_count(0)
    assert names() == [("express", ["a city place"]), ("near", ["city"]), ("all", ["any"])]

    desk.get_by_role("link", name="Publish", exact=True).click()
    expect(desk.get_by_text("Rule “express” is new")).to_be_visible()
    desk.get_by_role("button", name="Publish", exact=True).click()
    expect(desk.get_by_text("default v2 decides now.")).to_be_visible()
    expect(desk.locator(".bo-timeline")).to_contain_text("default v2 was published.")
    assert RuleSet.objects.get(version=2).status == "published"


def test_rules_are_reached_and_moved_by_keyboard(desk: Page, live_server: Any) -> None:
    draft = create_draft(document=RULES)
    desk.goto(live_server.url + address("change", draft.pk))

    desk.get_by_role("button", name="Later: near").focus()
    desk.keyboard.press("Enter")

    expect(desk.locator("#rule-2")).to_contain_text("near")
    assert desk.url.endswith("#rule-2")


def test_places_are_put_in_the_order_in_which_they_are_preferred(desk: Page, live_server: Any) -> None:
    desk.set_viewport_size(PHONE)  # type: ignore[arg-type]
    codes = list(Location.objects.order_by("code").values_list("code", flat=True)[:3])
    step = {"name": "s", "from": {"locations": codes[:2]}, "weights": {"location_order": 1}}
    draft = create_draft(document={"name": "ranked", "rules": [{"name": "r", "steps": [step]}]})
    desk.goto(live_server.url + address("step", draft.pk, 0, 0))
    boxes = desk.get_by_role("group", name="Only these places")

    boxes.get_by_role("checkbox", name=f"({codes[2]})").check()
    boxes.get_by_role("button", name=f"({codes[2]})").focus()
    desk.keyboard.press("Enter")
    desk.keyboard.press("Enter")
    boxes.get_by_role("checkbox", name=f"({codes[0]})").uncheck()
    assert faults(desk) == []
    desk.get_by_role("button", name="Save").click()

    expect(desk.locator("#rule-1")).to_be_visible()
    draft.refresh_from_db()
    assert draft.document["rules"][0]["steps"][0]["from"]["locations"] == [codes[2], codes[1]]


def test_an_export_is_brought_in_as_a_file(desk: Page, live_server: Any, tmp_path: Any) -> None:
    draft = create_draft(document=RULES)
    desk.goto(live_server.url + address("change", draft.pk))
    with desk.expect_download() as downloaded:
        desk.get_by_role("link", name="Export").click()
    file = tmp_path / "rules.yaml"
    downloaded.value.save_as(file)
    assert file.read_text().startswith(
        "name: default\nchannels: []\nrules:\n- name: near\n  when:\n    methods:\n    - ship\n"
    )

    desk.goto(live_server.url + address("import"))
    desk.get_by_label("File").set_input_files(file)
    desk.get_by_role("button", name="Import as a draft").click()
    expect(desk.get_by_text("default v2 is a draft: look it over, then publish it.")).to_be_visible()

    file.write_text(file.read_text().replace("rest: exception", "rest: somewhere"))
    desk.goto(live_server.url + address("import"))
    desk.get_by_label("File").set_input_files(file)
    desk.get_by_role("button", name="Import as a draft").click()
    expect(desk.get_by_role("alert").filter(has_text="Line")).to_contain_text("One of these is needed")
    assert RuleSet.objects.count() == 2


def test_an_order_is_tried_under_a_draft_and_what_is_published(desk: Page, live_server: Any) -> None:
    desk.set_viewport_size(PHONE)  # type: ignore[arg-type]
    order = placed(order_body(("SKU-1", 2))).order
    publish_rule_set(rule_set_id=create_draft(document=RULES).pk, actor="user:ada", as_of=now())
    from_lyon = {"name": "lyon", "steps": [{"name": "lyon", "from": {"locations": ["LYON"]}, "rest": "refuse"}]}
    draft = create_draft(document={"name": "default", "rules": [from_lyon]})
    desk.goto(live_server.url + address("change", draft.pk))
    desk.get_by_role("link", name="Try it").click()

    desk.get_by_label("Pick an order").fill(f"#{order.number}")
    desk.get_by_role("button", name="Take its articles and address").click()

    expect(desk.locator(".rs-facts")).to_contain_text("Place LYON: 2 × SKU-1")
    expect(desk.locator(".rs-facts")).to_contain_text("default v2")
    expect(desk.get_by_text("They differ")).to_be_visible()

    desk.get_by_text("What is asked for").click()
    desk.get_by_label("Stock 1: SKU").fill("SKU-1")
    desk.get_by_label("Stock 1: place").fill("LYON")
    desk.get_by_label("Stock 1: units").fill("1")
    desk.get_by_role("button", name="Plan it").click()

    expect(desk.locator(".rs-facts")).to_contain_text("Place LYON: 1 × SKU-1")
    expect(desk.get_by_text("1 × SKU-1 (typed in)")).to_be_visible()
