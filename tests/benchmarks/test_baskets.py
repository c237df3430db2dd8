"""Baskets, places and stock are read alike every time, and stock is short just as often as asked."""

from decimal import Decimal
from pathlib import Path

from benchmarks import baskets as real
from benchmarks.baskets import Basket

HEAD = "invoice,stock_code,description,quantity,invoice_date,price,customer_id,country\n"


def _file(path: Path, *rows: str) -> Path:
    path.write_text(HEAD + "".join(f"{row},2010-12-01,{price},,\n" for row, price in (r.rsplit("|", 1) for r in rows)))
    return path


def test_takes_baskets_of_several_goods_only(tmp_path: Path) -> None:
    path = _file(
        tmp_path / "baskets.csv",
        "1,85123a,LAMP,6|2.55",
        "1,71053,LANTERN,2|3.39",
        "1,85123A,LAMP,1|2.55",
        "2,POST,POSTAGE,1|18.00",
        "2,22752,BOXES,2|7.65",
        "C3,22752,BOXES,-2|7.65",
        "4,22752,BOXES,1|7.65",
        "4,71053,LANTERN,-1|3.39",
    )

    baskets, catalogue = real.read_baskets(path, count=10, max_lines=12)

    assert baskets == [Basket("1", (("85123A", 7, Decimal("2.55")), ("71053", 2, Decimal("3.39"))))]
    assert catalogue.names == {"85123A": "LAMP", "71053": "LANTERN"}


def test_an_order_costs_what_its_lines_cost() -> None:
    basket = Basket("7", (("A", 3, Decimal("1.10")), ("B", 1, Decimal("2.00"))))

    order = real.order_of(basket, ["10001", "94103"])

    assert order == real.order_of(basket, ["10001", "94103"])
    assert order["payments"][0]["amount"] == "5.30"
    assert order["external_id"] == "UCI-7"


def test_about_as_many_baskets_lack_stock_as_asked() -> None:
    price = Decimal("1.00")
    baskets = [Basket(str(n), ((f"S{n % 40}", 2, price), (f"T{n % 7}", 1, price))) for n in range(400)]
    places = [{"code": f"P{n}", "kind": "warehouse" if n < 5 else "store", "groups": []} for n in range(30)]

    stock = real.stock_for(baskets, places, refused_share=0.10)

    in_network: dict[str, int] = {}
    for (sku, _place), units in stock.items():
        in_network[sku] = in_network.get(sku, 0) + units
    refused = real._refused(baskets, in_network)
    assert 30 <= refused <= 80  # a tenth of 400, and at most the step of one more scarce SKU
    assert stock == real.stock_for(baskets, places, refused_share=0.10)
