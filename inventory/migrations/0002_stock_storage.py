from django.db import migrations

# Levels are updated in place all day: room on the page keeps updates off the indexes (HOT), and
# vacuum comes long before a fifth of two million rows are dead.
_LEVELS = """
ALTER TABLE inventory_stocklevel SET (
    fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_scale_factor = 0.05
);
ALTER TABLE inventory_reservation SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05)
"""
_LEVELS_BACK = """
ALTER TABLE inventory_stocklevel RESET (
    fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_analyze_scale_factor
);
ALTER TABLE inventory_reservation RESET (fillfactor, autovacuum_vacuum_scale_factor)
"""
_APPEND_ONLY = """
CREATE FUNCTION inventory_movements_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'stock movements are only ever added' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER movements_are_append_only BEFORE UPDATE OR DELETE ON inventory_stockmovement
    FOR EACH STATEMENT EXECUTE FUNCTION inventory_movements_are_append_only()
"""
_APPEND_ONLY_BACK = """
DROP TRIGGER movements_are_append_only ON inventory_stockmovement;
DROP FUNCTION inventory_movements_are_append_only()
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0001_initial")]

    operations = [
        migrations.RunSQL(_LEVELS, _LEVELS_BACK),
        migrations.RunSQL(_APPEND_ONLY, _APPEND_ONLY_BACK),
    ]
