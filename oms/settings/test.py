"""Tests: same engines as dev, cheap password hashes, no versioned-cache patience."""

from oms.settings.dev import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AXES_ENABLED = False
VERSIONED_CACHE_SECONDS = 0  # a change made by a test is seen by the next read
KEY_CACHE_SECONDS = 0
LOGGING = {"level": "ERROR", "as_json": False}
DATABASES["default"]["OPTIONS"]["options"] += " -c lock_timeout=50s"  # noqa: F405 - a slow machine is no refusal
