from django.urls import path

from oms.api import events

urlpatterns = [path("events/", events.EventFeed.as_view(), name="events")]
