from django.db import migrations

# What is announced from now on opens its levels by itself; these are of what is on its way already.
_OPEN = """
INSERT INTO inventory_stocklevel (sku, location_id, updated_at)
SELECT DISTINCT line.sku, i.location_id, now()
FROM inventory_inboundline line JOIN inventory_inbound i ON i.id = line.inbound_id
WHERE line.remaining > 0
ORDER BY line.sku, i.location_id
ON CONFLICT (sku, location_id) DO NOTHING"""


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0021_a_gtin_names_one_product"),
    ]

    operations = [
        migrations.RunSQL(_OPEN, migrations.RunSQL.noop),
    ]
