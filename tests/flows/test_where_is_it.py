"""A product page asks where a product can be had near the shopper."""

from django.db import connection

from routing.services.postal_areas import load_postal_areas
from tests.factories.orders import make_network
from tests.flows.conftest import Api


def test_places_are_ranked_by_distance_from_a_postal_code(api: Api) -> None:
    make_network()
    load_postal_areas(["postal_code,commune,lat,lng", "69001,LYON,45.77,4.83"], country="FR")

    found = api.get("availability/?sku=SKU-1&channel=web&country=FR&postal_code=69003").json["results"][0]

    assert found["sellable"] == 15
    assert [place["location"] for place in found["locations"]] == ["LYON", "PARIS", "LILLE"]
    assert found["locations"][0]["distance_km"] < 3


def test_text_keys_have_one_index_each(transactional_db: None) -> None:
    """Django would make a second one for LIKE, which the collation makes needless."""
    with connection.cursor() as cursor:
        cursor.execute(
            r"SELECT indexname FROM pg_indexes WHERE indexname LIKE '%%\_like' AND tablename LIKE 'orders%%'"
        )
        assert cursor.fetchall() == []
