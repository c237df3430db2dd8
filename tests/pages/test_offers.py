"""Work that is offered to several places, on the phone of one that could have it."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from oms.clock import now
from orders.models import Fulfillment, Offer
from routing.services.rule_sets import create_draft, publish_rule_set
from tests.factories.orders import order_body
from tests.factories.people import make_user, placed
from tests.pages.conftest import accepted, pass_time
from tests.pages.test_accessibility import faults

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_place_takes_what_it_is_offered_and_is_told_what_others_have(
    phone: Page, sign_in: Any, live_server: Any, settings: Any
) -> None:
    settings.VERSIONED_CACHE_SECONDS = 0
    make_user("lou", places=("LILLE",))
    draft = create_draft(document={"rules": [{"steps": [{"offer_to": 2}]}]})
    publish_rule_set(rule_set_id=draft.pk, actor="test", as_of=now())
    here, gone = placed(order_body(("SKU-1", 2))), placed(order_body(("SKU-1", 1)))
    pass_time(seconds=1)
    sign_in("lou")

    panel = phone.get_by_role("region", name="Who is first has it")
    expect(panel.get_by_role("listitem")).to_have_count(2)
    expect(panel.get_by_text(f"#{here.order.number} 2 articles")).to_be_visible()
    complaints = faults(phone, "offers")
    phone.context.add_cookies([{"name": "django_language", "value": "fr", "url": live_server.url}])
    phone.reload()
    complaints += faults(phone, "offres")
    phone.context.clear_cookies(name="django_language")
    phone.reload()
    accepted(gone)  # in Paris, while Lille still looks at the panel

    panel.get_by_role("button", name=f"Take it #{gone.order.number}").click()
    expect(phone.get_by_text(f"#{gone.order.number} is not offered any more.")).to_be_visible()
    panel.get_by_role("button", name=f"Take it #{here.order.number}").click()
    expect(phone.get_by_text(f"#{here.order.number} is yours. It waits under Pick.")).to_be_visible()

    expect(panel).to_have_count(0)
    expect(phone.get_by_role("link", name="1 Pick")).to_be_visible()
    assert complaints == []
    assert Fulfillment.objects.get(location="LILLE").status == "accepted"
    assert set(Offer.objects.values_list("status", flat=True)) == {"taken", "open"}
