from oms.models.channel import Channel
from oms.models.deadline import Deadline
from oms.models.idempotency import IdempotencyRecord
from oms.models.key import ApiKey
from oms.models.outbox import Event, SetAside, Subscription
from oms.models.version import Version

__all__ = ["ApiKey", "Channel", "Deadline", "Event", "IdempotencyRecord", "SetAside", "Subscription", "Version"]
