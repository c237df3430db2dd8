import django.contrib.postgres.constraints
import django.db.models.functions.comparison
import django.db.models.functions.text
import django.db.models.lookups
from django.db import migrations, models

_OWNED_TWICE = """
SELECT string_agg(code || ' of ' || sku, ', ' ORDER BY code), count(*) OVER ()
FROM inventory_barcode
WHERE code ~ '^[0-9]{12,14}$' AND lpad(code, 14, '0') ~ '^.(?!02|04|2)'
GROUP BY lpad(code, 14, '0') HAVING count(DISTINCT sku) > 1
ORDER BY lpad(code, 14, '0') LIMIT 50
"""


def tell_what_stands_in_the_way(apps, schema_editor):
    """Which of two products a scanner means nobody but the retailer knows: nothing is taken from either."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(_OWNED_TWICE)
        found = cursor.fetchall()
    if found:
        numbers = "\n".join(f"  {owners}" for owners, _total in found)
        raise RuntimeError(
            f"{found[0][1]} GTINs name more than one product, spelled with and without leading zeros:\n{numbers}\n"
            "Take each barcode from all of its products but one (PATCH /api/v1/products/{sku}/ or the back office),"
            " then migrate again. Nothing was changed."
        )


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0020_promise_what_comes'),
    ]

    operations = [
        migrations.RunPython(tell_what_stands_in_the_way, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name='barcode',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('code__regex', '^[0-9]{12,14}$'), django.db.models.lookups.Regex(django.db.models.functions.text.LPad('code', 14, models.Value('0')), models.Value('^.(?!02|04|2)'))), expressions=[(django.db.models.functions.comparison.Cast('code', models.BigIntegerField()), '='), ('product', '<>')], name='a_gtin_names_one_product_however_it_is_spelled'),
        ),
    ]
