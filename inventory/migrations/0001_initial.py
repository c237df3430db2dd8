import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models

import oms.ids
import oms.money


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        TrigramExtension(),
        migrations.RunSQL("CREATE SEQUENCE inventory_location_position", "DROP SEQUENCE inventory_location_position"),
        migrations.CreateModel(
            name="Location",
            fields=[
                (
                    "code",
                    oms.ids.CodeField(
                        db_collation="C", max_length=64, primary_key=True, serialize=False, verbose_name="code"
                    ),
                ),
                ("name", models.CharField(max_length=200, verbose_name="name")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("warehouse", "Warehouse"),
                            ("store", "Store"),
                            ("supplier", "Supplier"),
                            ("third_party", "Third party"),
                            ("locker", "Locker"),
                        ],
                        max_length=16,
                        verbose_name="kind",
                    ),
                ),
                ("line1", models.CharField(blank=True, default="", max_length=200, verbose_name="address")),
                (
                    "line2",
                    models.CharField(blank=True, default="", max_length=200, verbose_name="address, second line"),
                ),
                ("postal_code", models.CharField(blank=True, default="", max_length=20, verbose_name="postal code")),
                ("city", models.CharField(blank=True, default="", max_length=100, verbose_name="city")),
                ("region", models.CharField(blank=True, default="", max_length=100, verbose_name="region")),
                ("country", models.CharField(blank=True, default="", max_length=2, verbose_name="country")),
                ("latitude", models.FloatField(blank=True, null=True, verbose_name="latitude")),
                ("longitude", models.FloatField(blank=True, null=True, verbose_name="longitude")),
                ("timezone", models.CharField(default="UTC", max_length=64, verbose_name="time zone")),
                (
                    "opening_hours",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text='{"mon": [["10:00", "13:00"], ["14:00", "19:00"]], …}. Empty: always open.',
                        verbose_name="opening hours",
                    ),
                ),
                (
                    "closures",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text='[{"from_at": …, "until_at": …, "note": …}], instants with their zone.',
                        verbose_name="closures",
                    ),
                ),
                (
                    "abilities",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("ship", "Ships parcels"),
                                ("pickup", "Hands over at the counter"),
                                ("curbside", "Hands over at the curb"),
                                ("receive_transfer", "Receives transfers"),
                                ("accept_return", "Accepts returns"),
                            ],
                            max_length=20,
                        ),
                        blank=True,
                        default=list,
                        size=None,
                        verbose_name="abilities",
                    ),
                ),
                (
                    "daily_capacity",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Fulfillments per local day. Empty: unlimited.",
                        null=True,
                        verbose_name="daily capacity",
                    ),
                ),
                ("accepting_orders", models.BooleanField(default=True, verbose_name="accepting orders")),
                (
                    "cut_off",
                    models.JSONField(
                        blank=True,
                        help_text='"14:00", or by service: {"express": "12:00"}. Local time.',
                        null=True,
                        verbose_name="cut-off",
                    ),
                ),
                (
                    "preparation_minutes",
                    models.PositiveIntegerField(default=0, verbose_name="preparation (minutes of open time)"),
                ),
                (
                    "handling_cost",
                    oms.money.MoneyField(
                        decimal_places=2,
                        default=0,
                        help_text="Per parcel.",
                        max_digits=14,
                        verbose_name="handling cost",
                    ),
                ),
                ("currency", oms.money.CurrencyField(default="EUR", max_length=3, verbose_name="currency")),
                (
                    "groups",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64),
                        blank=True,
                        default=list,
                        size=None,
                        verbose_name="groups",
                    ),
                ),
                (
                    "safety_stock",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="Units of each product kept back here, unless the stock level says otherwise.",
                        verbose_name="safety stock",
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "position",
                    models.BigIntegerField(
                        db_default=models.Func(models.Value("inventory_location_position"), function="nextval"),
                        editable=False,
                        verbose_name="position",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="changed")),
            ],
            options={
                "verbose_name": "location",
                "verbose_name_plural": "locations",
                "ordering": ["position"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("latitude", None), ("longitude", None)),
                            models.Q(("latitude__range", (-90, 90)), ("longitude__range", (-180, 180))),
                            _connector="OR",
                        ),
                        name="coordinates_are_both_given_and_on_earth",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("handling_cost__gte", 0)), name="a_handling_cost_is_not_negative"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Product",
            fields=[
                (
                    "sku",
                    oms.ids.CodeField(
                        db_collation="C", max_length=64, primary_key=True, serialize=False, verbose_name="SKU"
                    ),
                ),
                ("name_en", models.CharField(max_length=200, verbose_name="name (English)")),
                ("name_fr", models.CharField(blank=True, default="", max_length=200, verbose_name="name (French)")),
                ("currency", oms.money.CurrencyField(default="EUR", max_length=3, verbose_name="currency")),
                ("price", oms.money.MoneyField(decimal_places=2, max_digits=14, verbose_name="price")),
                (
                    "tax_class",
                    models.CharField(blank=True, default="standard", max_length=40, verbose_name="tax class"),
                ),
                ("weight_g", models.PositiveIntegerField(default=0, verbose_name="weight (g)")),
                ("image_url", models.CharField(blank=True, default="", max_length=500, verbose_name="picture")),
                ("attributes", models.JSONField(blank=True, default=dict, verbose_name="attributes")),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64),
                        blank=True,
                        default=list,
                        size=None,
                        verbose_name="tags",
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="changed")),
            ],
            options={
                "verbose_name": "product",
                "verbose_name_plural": "products",
                "ordering": ["sku"],
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper("name_en"), "gin_trgm_ops"
                        ),
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper("name_fr"), "gin_trgm_ops"
                        ),
                        name="products_by_words",
                    ),
                    django.contrib.postgres.indexes.GinIndex(fields=["tags"], name="products_by_tag"),
                ],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("price__gte", 0)), name="a_price_is_not_negative")
                ],
            },
        ),
        migrations.CreateModel(
            name="Barcode",
            fields=[
                (
                    "code",
                    oms.ids.CodeField(
                        db_collation="C", max_length=64, primary_key=True, serialize=False, verbose_name="barcode"
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        db_column="sku",
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="barcodes",
                        to="inventory.product",
                        verbose_name="product",
                    ),
                ),
            ],
            options={
                "verbose_name": "barcode",
                "verbose_name_plural": "barcodes",
                "ordering": ["code"],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "location",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="memberships",
                        to="inventory.location",
                        verbose_name="location",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "membership",
                "verbose_name_plural": "memberships",
                "ordering": ["location", "user"],
                "constraints": [
                    models.UniqueConstraint(fields=("user", "location"), name="one_membership_per_user_and_location")
                ],
            },
        ),
        migrations.CreateModel(
            name="Reservation",
            fields=[
                ("id", oms.ids.PrefixedIdField("res", serialize=False)),
                ("demand", models.CharField(max_length=80, verbose_name="demand")),
                ("quantity", models.PositiveIntegerField(verbose_name="quantity")),
                ("remaining", models.PositiveIntegerField(verbose_name="remaining")),
                (
                    "status",
                    models.CharField(
                        choices=[("active", "Active"), ("consumed", "Consumed"), ("released", "Released")],
                        default="active",
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                ("created_at", models.DateTimeField(verbose_name="created")),
                ("updated_at", models.DateTimeField(verbose_name="changed")),
                (
                    "location",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="inventory.location",
                        verbose_name="location",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        db_column="sku",
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="inventory.product",
                        verbose_name="product",
                    ),
                ),
            ],
            options={
                "verbose_name": "reservation",
                "verbose_name_plural": "reservations",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("status", "active")),
                        fields=["product", "location"],
                        name="active_reservations_by_level",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "active")),
                        fields=("demand", "product", "location"),
                        name="one_active_reservation_per_demand_and_level",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("remaining__lte", models.F("quantity"))),
                        name="no_more_remains_than_was_reserved",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("remaining__gt", 0), ("status", "active")),
                            models.Q(models.Q(("status", "active"), _negated=True), ("remaining", 0)),
                            _connector="OR",
                        ),
                        name="a_reservation_is_active_while_units_remain",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StockLevel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("on_hand", models.IntegerField(db_default=0, default=0, verbose_name="on hand")),
                ("reserved", models.IntegerField(db_default=0, default=0, verbose_name="reserved")),
                ("damaged", models.IntegerField(db_default=0, default=0, verbose_name="damaged")),
                ("quarantined", models.IntegerField(db_default=0, default=0, verbose_name="quarantined")),
                (
                    "safety_stock",
                    models.PositiveIntegerField(
                        blank=True, help_text="Empty: the location's default.", null=True, verbose_name="safety stock"
                    ),
                ),
                (
                    "suspect_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="The goods were not found; nothing is sold until they are counted.",
                        null=True,
                        verbose_name="suspect since",
                    ),
                ),
                ("bin", models.CharField(blank=True, db_default="", default="", max_length=40, verbose_name="bin")),
                ("counted_at", models.DateTimeField(blank=True, null=True, verbose_name="counted")),
                ("updated_at", models.DateTimeField(verbose_name="changed")),
                (
                    "location",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="inventory.location",
                        verbose_name="location",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        db_column="sku",
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="inventory.product",
                        verbose_name="product",
                    ),
                ),
            ],
            options={
                "verbose_name": "stock level",
                "verbose_name_plural": "stock levels",
                "ordering": ["id"],
                "indexes": [models.Index(fields=["location", "product"], name="levels_by_location")],
                "constraints": [
                    models.UniqueConstraint(fields=("product", "location"), name="one_level_per_product_and_location"),
                    models.CheckConstraint(condition=models.Q(("reserved__gte", 0)), name="reserved_is_not_negative"),
                    models.CheckConstraint(condition=models.Q(("damaged__gte", 0)), name="damaged_is_not_negative"),
                    models.CheckConstraint(
                        condition=models.Q(("quarantined__gte", 0)), name="quarantined_is_not_negative"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StockMovement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("cause", models.CharField(max_length=40, verbose_name="cause")),
                ("quantity", models.IntegerField(verbose_name="on hand ±")),
                ("damaged_delta", models.IntegerField(db_default=0, default=0, verbose_name="damaged ±")),
                ("quarantined_delta", models.IntegerField(db_default=0, default=0, verbose_name="quarantined ±")),
                (
                    "reference",
                    models.CharField(blank=True, db_default="", default="", max_length=100, verbose_name="reference"),
                ),
                ("actor", models.CharField(max_length=120, verbose_name="actor")),
                (
                    "source",
                    models.CharField(blank=True, db_default="", default="", max_length=120, verbose_name="source"),
                ),
                (
                    "external_id",
                    models.CharField(blank=True, max_length=120, null=True, verbose_name="id at the source"),
                ),
                ("occurred_at", models.DateTimeField(verbose_name="at")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded")),
                (
                    "location",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="inventory.location",
                        verbose_name="location",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        db_column="sku",
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="inventory.product",
                        verbose_name="product",
                    ),
                ),
            ],
            options={
                "verbose_name": "stock movement",
                "verbose_name_plural": "stock movements",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["product", "location", "occurred_at"], name="movements_by_level"),
                    models.Index(fields=["location", "id"], name="movements_by_location"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("external_id__isnull", False)),
                        fields=("source", "external_id"),
                        name="an_event_of_a_source_moves_stock_once",
                    )
                ],
            },
        ),
    ]
