"""What every page of the back office shares: lists that stay quick, facts as words, the way from room to room.

Each app registers its own models in its `admin.py`; nothing there writes a row of an order, a stock level or
a decision: an action calls one service and tells what happened.

Import from its modules: the template engine loads this package before the admin theme is ready.
"""
