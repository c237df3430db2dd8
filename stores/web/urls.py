from django.urls import path

from stores.web import views

app_name = "store"
urlpatterns = [path("", views.home, name="home")]
