"""One machine, embedded engines, no secrets to keep."""

from oms.settings.base import *  # noqa: F403
from oms.settings.base import env

SECRET_KEY = env("OMS_SECRET_KEY", default="dev-only-and-public-never-use-in-production-0123456789")
DEBUG = env.bool("OMS_DEBUG", default=False)
ALLOWED_HOSTS = ["*"]
CSRF_TRUSTED_ORIGINS = env.list("OMS_TRUSTED_ORIGINS", default=[])
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True  # no collectstatic step between an edit and its page
