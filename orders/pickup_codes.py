"""The six figures a shopper shows at the counter: derived from the fulfillment, so no secret is stored."""

from django.utils.crypto import salted_hmac


def pickup_code(fulfillment_id: str) -> str:
    digest = salted_hmac("orders.pickup_code", fulfillment_id, algorithm="sha256").digest()
    return f"{int.from_bytes(digest[:8]) % 1_000_000:06d}"
