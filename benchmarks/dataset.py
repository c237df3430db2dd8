"""The network that everything is measured on: a large catalogue spread over a thousand places.

Written with set-based SQL straight into the project's own tables; kept between runs. Each ordinary SKU lies
in every warehouse and in some stores, so an order of two of them has about 35 candidate places. Beside them
stand SKUs that lie in exactly 10, 100 and all places, and a hundred that lie scattered over the same places,
so that planning has to combine them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection, transaction

from oms.cache import bump
from routing.queries import RATES
from routing.services.rule_sets import create_draft, publish_rule_set

CHANNEL = "web"
Parameters = Sequence[object] | Mapping[str, object]
UNITS = 1_000_000  # never sold out: what is measured is speed


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the network is. `places_per_sku` counts the warehouses."""

    skus: int = 100_000
    places: int = 1_005
    warehouses: int = 5
    places_per_sku: int = 20
    special_skus: int = 100

    @property
    def stores(self) -> int:
        return self.places - self.warehouses

    def groups(self) -> dict[str, tuple[int, int]]:
        """Special SKUs: prefix → (at how many places, of the first how many)."""
        hundred = min(100, self.places)
        return {
            "TEN": (min(10, self.places), self.places),
            "HUN": (hundred, hundred),
            "SCA": (max(1, hundred * 3 // 10), hundred),
            "ALL": (self.places, self.places),
        }

    def __str__(self) -> str:
        return f"{self.skus:,} SKUs × {self.places:,} places"


def ordinary_sku(number: int) -> str:
    return f"SKU{number:07d}"


def special_sku(group: str, number: int) -> str:
    return f"{group}{number:04d}"


def ready(skus: int, places: int, *, rebuild: bool = False) -> Scale:
    """The data set of this size, built if need be, without what earlier runs left in it."""
    scale = Scale(skus=skus, places=places)
    print(f"· data set: {scale}", flush=True)
    if rebuild or not is_built(scale):
        print("· building it (about two minutes; kept for the next run)", flush=True)
        build(scale)
    clear_history()
    return scale


def is_built(scale: Scale) -> bool:
    """Whether a data set of this scale stands, whole."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('bench.built')")
        if cursor.fetchone()[0] is None:
            return False
        cursor.execute("SELECT scale FROM bench.built")
        return cursor.fetchone() == (repr(scale),)


def build(scale: Scale) -> None:
    """Replace whatever the database holds. In one transaction: a build cut short leaves nothing."""
    _run("SET statement_timeout = 0")
    with transaction.atomic():
        _run("TRUNCATE inventory_product, inventory_location, oms_channel, oms_apikey, oms_version CASCADE")
        _run("TRUNCATE routing_ruleset, routing_carrierservice, oms_event, oms_deadline CASCADE")
        _run("TRUNCATE routing_givenpromise, routing_leadtimeobservation, routing_learnedtable")
        _run("SELECT setseed(0.42)")
        _places(scale)
        _products(scale)
        _stock(scale)
        _rates()
        _run(
            "INSERT INTO oms_channel (code, name, currency, is_active, on_payment_failure, payment_hold_minutes,"
            " authorizes_late, grace_minutes) VALUES (%s, 'Web', 'EUR', true, 'hold', 60, false, '{}')",
            [CHANNEL],
        )
        for name in ("places", "channels", RATES):
            bump(name)
    _rules()
    with transaction.atomic():
        _run("CREATE SCHEMA IF NOT EXISTS bench")
        _run("CREATE TABLE IF NOT EXISTS bench.built (scale text)")
        _run("TRUNCATE bench.built")
        _run("INSERT INTO bench.built VALUES (%s)", [repr(scale)])
    _run("VACUUM ANALYZE")


def clear_history() -> None:
    """No order was ever placed: runs begin alike."""
    _run("SET statement_timeout = 0")
    _run(
        "TRUNCATE orders_order, orders_customer, inventory_reservation, inventory_stockmovement,"
        " inventory_stockeventid, oms_event, oms_deadline, oms_idempotencyrecord, routing_decision, routing_capacityday,"
        " routing_demandfact, routing_givenpromise, routing_leadtimeobservation, routing_offeroutcome CASCADE"
    )
    _run("UPDATE inventory_stocklevel SET reserved = 0 WHERE reserved > 0")
    _run("VACUUM ANALYZE")


def _run(statement: str, parameters: Parameters = ()) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def _places(scale: Scale) -> None:
    """Warehouses that never close, then stores open six days a week, all between Lisbon's and Kyiv's meridians."""
    _run(
        """
INSERT INTO inventory_location (code, name, kind, country, postal_code, city, line1, line2, region, latitude,
    longitude, timezone, opening_hours, closures, abilities, accepting_orders, preparation_minutes, handling_cost,
    currency, groups, safety_stock, is_active, created_at, updated_at)
SELECT CASE WHEN i <= %(warehouses)s THEN 'WH-' ELSE 'ST-' END || lpad(i::text, 4, '0'), 'Place ' || i,
    CASE WHEN i <= %(warehouses)s THEN 'warehouse' ELSE 'store' END, 'FR', lpad(i::text, 5, '0'), 'City ' || i,
    '1 rue ' || i, '', '', 36 + random() * 18, -5 + random() * 30, 'Europe/Paris',
    CASE WHEN i <= %(warehouses)s THEN '{}'::jsonb ELSE (
        SELECT jsonb_object_agg(day, '[["10:00", "19:00"]]'::jsonb)
        FROM unnest(ARRAY['mon', 'tue', 'wed', 'thu', 'fri', 'sat']) day) END,
    '[]', CASE WHEN i <= %(warehouses)s THEN ARRAY['ship'] ELSE ARRAY['ship', 'pickup'] END, true, 60,
    CASE WHEN i <= %(warehouses)s THEN 1.10 ELSE 1.60 END, 'EUR', ARRAY['fr'], 2, true, now(), now()
FROM generate_series(1, %(places)s::int) i""",
        {"warehouses": scale.warehouses, "places": scale.places},
    )


def _products(scale: Scale) -> None:
    _run(
        """
INSERT INTO inventory_product (sku, name_en, name_fr, currency, price, tax_class, weight_g, image_url, attributes,
    tags, is_active, created_at, updated_at)
SELECT sku, 'Product ' || sku, 'Produit ' || sku, 'EUR', 5 + i %% 200, 'standard', 200 + i %% 900, '', '{}',
    ARRAY['t' || i %% 10], true, now(), now()
FROM (
    SELECT 'SKU' || lpad(i::text, 7, '0') AS sku, i FROM generate_series(1, %s::int) i
    UNION ALL
    SELECT kind || lpad(i::text, 4, '0'), i FROM unnest(%s::text[]) kind, generate_series(1, %s::int) i
) p ORDER BY sku""",
        [scale.skus, list(scale.groups()), scale.special_skus],
    )


def _stock(scale: Scale) -> None:
    """In the order of SKUs, as a feed would have brought it: what is read together lies together."""
    _run(
        "CREATE TEMP TABLE place ON COMMIT DROP AS"
        " SELECT code, row_number() OVER (ORDER BY position) AS n FROM inventory_location"
    )
    _put(
        "SELECT 'SKU' || lpad(p::text, 7, '0') AS sku, CASE WHEN k <= %(warehouses)s::int THEN k"
        " ELSE %(warehouses)s::int + 1 + (p * 37 + k * 67) %% %(stores)s::int END AS n"
        " FROM generate_series(1, %(skus)s::int) p, generate_series(1, %(each)s::int) k",
        warehouses=scale.warehouses,
        stores=scale.stores,
        skus=scale.skus,
        each=scale.places_per_sku,
    )
    for group, (places, of_first) in scale.groups().items():
        _put(
            "SELECT %(group)s || lpad(p::text, 4, '0') AS sku, 1 + (p * 37 + k * 7) %% %(of_first)s::int AS n"
            " FROM generate_series(1, %(skus)s::int) p, generate_series(1, %(each)s::int) k",
            group=group,
            of_first=of_first,
            skus=scale.special_skus,
            each=places,
        )


def _put(pairs: str, **parameters: object) -> None:
    """Stock at these (sku, n-th place) pairs."""
    _run(
        "INSERT INTO inventory_stocklevel (sku, location_id, on_hand, updated_at)"
        f" SELECT sku, code, {UNITS}, now() FROM ({pairs}) at JOIN place USING (n) ORDER BY sku, code",
        parameters,
    )


def _rates() -> None:
    _run(
        "INSERT INTO routing_carrierservice (code, carrier, name, service, currency, is_active, pickup_days, delivery_days)"
        " SELECT 'parcel', 'Post', 'Parcel', 'standard', 'EUR', true, days, days"
        " FROM (VALUES ('{mon,tue,wed,thu,fri}'::varchar[])) week (days)"
    )
    _run(
        "INSERT INTO routing_zone (carrier_service_id, code, position, countries, postal_prefixes, max_distance_km,"
        " transit_days) SELECT 'parcel', 'z' || position, position, '{}', '{}', km, position + 1"
        " FROM (VALUES (0, 100), (1, 400), (2, NULL)) z (position, km)"
    )
    _run(
        "INSERT INTO routing_rate (zone_id, max_weight_g, price)"
        " SELECT id, grams, 4 + position + grams / 1000 * 0.40 FROM routing_zone,"
        " unnest(ARRAY[500, 1000, 2000, 5000, 30000]) grams"
    )


def _rules() -> None:
    step = {"name": "cheapest", "weights": {"cost": 1, "distance_km": 0.002, "parcels": 0.5}, "rest": "refuse"}
    document = {"name": "benchmark", "channels": [], "rules": [{"name": "all orders", "steps": [step]}]}
    draft = create_draft(document=document)
    publish_rule_set(rule_set_id=draft.pk, actor="benchmark", as_of=datetime.now(UTC))
