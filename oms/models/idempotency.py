from django.db import models


class IdempotencyRecord(models.Model):
    """A key, what was asked under it, and the result: one thing however often it comes."""

    scope = models.CharField(max_length=160, help_text="who asks and for what, e.g. key:web orders.place")
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    result = models.JSONField(null=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="an_idempotency_key_makes_one_thing")]
