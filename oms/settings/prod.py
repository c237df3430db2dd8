"""Production: every secret from the environment; a missing one stops the start with its name."""

import environ

environ.Env()("OMS_SECRET_KEY")
environ.Env()("DATABASE_URL")
environ.Env()("REDIS_URL")

from oms.settings.base import *  # noqa: E402, F403
from oms.settings.base import env  # noqa: E402

SECRET_KEY = env("OMS_SECRET_KEY")
if len(SECRET_KEY) < 40:
    from django.core.exceptions import ImproperlyConfigured

    raise ImproperlyConfigured("OMS_SECRET_KEY must have at least 40 characters")
DEBUG = False
ALLOWED_HOSTS = env.list("OMS_ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env.list(
    "OMS_TRUSTED_ORIGINS", default=[f"https://{host}" for host in ALLOWED_HOSTS if host != "*"]
)
PUBLIC_URL = env("OMS_PUBLIC_URL")
LOG_JSON = env.bool("OMS_LOG_JSON", default=True)
LOGGING = {"level": env("OMS_LOG_LEVEL", default="INFO"), "as_json": LOG_JSON}
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = env.bool("OMS_SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = env.int("OMS_HSTS_SECONDS", default=31_536_000)
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
