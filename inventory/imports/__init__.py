"""Files of stock, of any size: from the wire to disk (`upload`), from bytes to rows (`unpacking`, `reading`), into a
table of their own (`staging`), and from there into the levels, a chunk at a time (`merging`). Who may do what and when is
decided in `inventory.services.stock_imports`.
"""
