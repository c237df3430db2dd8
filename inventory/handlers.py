"""What this app does when a timer rings."""

from inventory.services import inbound
from inventory.services.announcements import LATE
from oms.deadlines import on_deadline

on_deadline(LATE)(inbound.on_inbound_late)
