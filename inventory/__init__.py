"""Products, places, and how many of which are where.

Owns: Product, Barcode, ProductPrice (per channel), FileImport (lists that staff bring in), Location, Membership (who
works where), StockLevel, StockMovement (with StockEventId, StockBalance, LedgerStart), Reservation, Inbound (deliveries
and transfers on their way), StockAdjustment, ExposureRule, CartHold.

Invariants (`inventory.invariants` asks for them, the tests try to break them):
1. a level's on hand, damaged and quarantined are its opening balance and the sums of its movements, which are only
   ever added; old months of them are forgotten whole, into the opening balances;
2. its reserved is the sum of what its active reservations still hold;
3. `sellable = on hand − damaged − quarantined − reserved − protection`, never below 0, and 0 while the level
   is suspect (a store did not find the goods) until someone counts; reader and reserver share this arithmetic;
4. a reservation never takes more than is sellable at the moment its level is locked. Reality may say less
   afterwards (oversold): that is legal, and `inventory.stock.short` tells it;
5. what left for another place was received there, is missing, or is in transit: proved from the movements that
   carry the transfer's id; what a delivery says was received came into stock;
6. levels are locked in (sku, location) order, in `inventory.locks` only.
"""
