"""Orders, fulfillments, exceptions and customers over HTTP."""
