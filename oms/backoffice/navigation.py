"""The sidebar: rooms in the order of the work, each showing only what this person may see."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst


def rooms(request: HttpRequest) -> list[dict[str, Any]]:
    """`settings.BACK_OFFICE_ROOMS` as the theme wants it."""
    return [_room(request, title, items) for title, items in settings.BACK_OFFICE_ROOMS]


def _room(request: HttpRequest, title: Any, items: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    shown = [_item(item) for item in items if _may_view(request, item["model"])]
    return {"title": title, "separator": bool(title), "items": shown}


def _may_view(request: HttpRequest, label: str) -> bool:
    model = apps.get_model(label)
    return admin.site.is_registered(model) and admin.site.get_model_admin(model).has_view_permission(request)


def _item(item: Mapping[str, str]) -> dict[str, Any]:
    address = reverse(f"admin:{item['model'].lower().replace('.', '_')}_changelist")
    return {"title": capfirst(item["title"]), "icon": item["icon"], "link": address}
