"""In tests no transaction ends with a level that differs from its ledger, whoever wrote it and wherever.

A deferred trigger in the test database adds up the ledger of every level that was changed. In production that would
cost each sale a look at the level's history; there `check_invariants` does it for all levels at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

_INSTALL = """
CREATE OR REPLACE FUNCTION test_a_level_is_its_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    level record;
    ledger record;
BEGIN
    SELECT on_hand, damaged, quarantined INTO level FROM inventory_stocklevel WHERE id = NEW.id;
    SELECT coalesce(sum(on_hand), 0) AS on_hand, coalesce(sum(damaged), 0) AS damaged,
        coalesce(sum(quarantined), 0) AS quarantined
    INTO ledger FROM (
        SELECT quantity AS on_hand, damaged_delta AS damaged, quarantined_delta AS quarantined
        FROM inventory_stockmovement WHERE sku = NEW.sku AND location_id = NEW.location_id
        UNION ALL
        SELECT on_hand, damaged, quarantined FROM inventory_stockbalance
        WHERE sku = NEW.sku AND location_id = NEW.location_id
    ) entry;
    IF (level.on_hand, level.damaged, level.quarantined)
        <> (ledger.on_hand, ledger.damaged, ledger.quarantined) THEN
        RAISE EXCEPTION '% at % was changed without a movement: %, its ledger says %', NEW.sku, NEW.location_id,
            level, ledger USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS test_a_level_is_its_ledger ON inventory_stocklevel;
CREATE CONSTRAINT TRIGGER test_a_level_is_its_ledger AFTER INSERT OR UPDATE OF on_hand, damaged, quarantined
    ON inventory_stocklevel DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION test_a_level_is_its_ledger()
"""


def install() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_INSTALL)


def check_now() -> None:
    """In a test whose transaction never ends. Errors: IntegrityError."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS test_a_level_is_its_ledger IMMEDIATE")
        cursor.execute("SET CONSTRAINTS test_a_level_is_its_ledger DEFERRED")


@contextmanager
def off() -> Iterator[None]:
    """For a test that spoils levels on purpose, and commits."""
    _switch("DISABLE")
    try:
        yield
    finally:
        _switch("ENABLE")


def _switch(how: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE inventory_stocklevel {how} TRIGGER test_a_level_is_its_ledger")
