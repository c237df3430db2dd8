from django.urls import path

from orders.web import views

app_name = "track"
urlpatterns = [
    path("track/<str:token>/", views.Track.as_view(), name="page"),
    path("track/<str:token>/cancel/", views.Cancel.as_view(), name="cancel"),
]
