"""Wiring: every face of the system and its address."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.static import serve
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from oms import health, metrics
from oms.web import views as web

# Addresses are tried in turn: the busiest stand first.
api_v1: list[URLPattern | URLResolver] = [
    path("", include("inventory.api.urls")),
    path("", include("orders.api.urls")),
    path("", include("routing.api.urls")),
    path("", include("oms.api.urls")),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
]

urlpatterns = [
    path("api/v1/", include(api_v1)),
    path("", web.home, name="home"),
    path("sign-out/", web.sign_out, name="sign-out"),
    path("problems/<slug:code>", web.problem, name="problem"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.view),
    path("media/<path:path>", serve, {"document_root": settings.MEDIA_ROOT}),
    path("admin/", admin.site.urls),
    path("store/", include("stores.web.urls")),
    path("", include("orders.web.urls")),
]

handler400 = "oms.problems.bad_request"
handler403 = "oms.problems.permission_denied"
handler404 = "oms.problems.not_found"
handler500 = "oms.problems.server_error"
