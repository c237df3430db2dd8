from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Cast, LPad
from django.db.models.lookups import Regex
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from oms.ids import CodeField
from oms.money import CurrencyField, MoneyField

_SEARCH_TEXT = models.Func(
    *("sku", "name_en", "name_fr"),
    template="inventory_plain(%(expressions)s)",
    arg_joiner=" || ' ' || ",
    output_field=models.TextField(),
)  # the words of SKU and names, the SKU first, in small letters without accents: what `inventory.search` looks in

_GTIN = Cast("code", models.BigIntegerField())  # leading zeros are nothing to a number
_CLAIMS_TO_BE_GTIN = Q(code__regex="^[0-9]{12,14}$") & Q(Regex(LPad("code", 14, Value("0")), Value("^.(?!02|04|2)")))
"""What `inventory.gtin` says, as the database understands it: only of such codes is the number asked."""


class Product(models.Model):
    """What is sold, one row per SKU. Never deleted, history names it: `is_active` takes it off sale."""

    sku = CodeField(verbose_name=_("SKU"))
    name_en = models.CharField(_("name (English)"), max_length=200)
    name_fr = models.CharField(_("name (French)"), max_length=200, blank=True, default="")
    currency = CurrencyField(verbose_name=_("currency"), default="EUR")
    price = MoneyField(verbose_name=_("price"))
    tax_class = models.CharField(_("tax class"), max_length=40, blank=True, default="standard")
    weight_g = models.PositiveIntegerField(_("weight (g)"), default=0)
    length_mm = models.PositiveIntegerField(_("length (mm)"), default=0, db_default=0)
    width_mm = models.PositiveIntegerField(_("width (mm)"), default=0, db_default=0)
    height_mm = models.PositiveIntegerField(_("height (mm)"), default=0, db_default=0)
    image_url = models.CharField(_("picture"), max_length=500, blank=True, default="")
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    tags = ArrayField(models.CharField(max_length=64), verbose_name=_("tags"), default=list, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    search_text = models.GeneratedField(expression=_SEARCH_TEXT, output_field=models.TextField(), db_persist=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        ordering = ["sku"]
        constraints = [
            models.CheckConstraint(condition=models.Q(price__gte=0), name="a_price_is_not_negative"),
        ]
        indexes = [
            GinIndex(OpClass("search_text", "gin_trgm_ops"), name="products_by_text"),
            GinIndex(fields=["tags"], name="products_by_tag"),
        ]
        verbose_name = _("product")
        verbose_name_plural = _("products")

    def __str__(self) -> str:
        return f"{self.sku} {self.name}"

    @property
    def name(self) -> str:
        """The name in the reader's language, as far as there is one."""
        french = (get_language() or "").startswith("fr")
        return (self.name_fr if french else self.name_en) or self.name_en


class Barcode(models.Model):
    """What a scanner reads. A product may carry several, also one number in two spellings; a code names one product."""

    code = CodeField(verbose_name=_("barcode"))
    product = models.ForeignKey(
        Product, models.CASCADE, db_column="sku", related_name="barcodes", verbose_name=_("product")
    )

    class Meta:
        ordering = ["code"]
        constraints = [
            ExclusionConstraint(
                name="a_gtin_names_one_product_however_it_is_spelled",
                expressions=[(_GTIN, RangeOperators.EQUAL), ("product", RangeOperators.NOT_EQUAL)],
                condition=_CLAIMS_TO_BE_GTIN,
            ),
        ]
        verbose_name = _("barcode")
        verbose_name_plural = _("barcodes")

    def __str__(self) -> str:
        return self.code
