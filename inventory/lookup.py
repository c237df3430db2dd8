"""From what a scanner reads or a person types to the product."""

from collections.abc import Collection

from inventory.gtin import spellings
from inventory.models import Barcode, Product


def skus_of(codes: Collection[str]) -> dict[str, str]:
    """The SKU that each code means: a barcode, with or without the zeros that scanners add to GTINs, or a SKU.

    A code that is a barcode means that product, even if another has it as its SKU. Unknown codes are left out.
    """
    spelled = {code: [code, *spellings(code)] for code in codes}
    every = {spelling for found in spelled.values() for spelling in found}
    owners = dict(Barcode.objects.filter(pk__in=every).values_list("code", "product_id"))
    known = set(Product.objects.filter(pk__in=set(codes)).values_list("pk", flat=True))
    found = {code: next((owners[one] for one in some if one in owners), None) for code, some in spelled.items()}
    return {code: sku or code for code, sku in found.items() if sku or code in known}
