from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

import environ
from celery.schedules import crontab
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from oms.settings.unfold import BACK_OFFICE_ROOMS, UNFOLD  # noqa: F401

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parents[2]
OMS_HOME = Path(env("OMS_HOME", default=str(BASE_DIR / ".oms")))

# ---- engines ---------------------------------------------------------------------------------


def _broker_url(url: str, db: int) -> str:
    """kombu's spelling of REDIS_URL: `redis+socket:///path?virtual_host=0` for a socket."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"redis+socket://{unquote(parts.path)}?virtual_host={db}"
    return f"{parts.scheme}://{parts.netloc}/{db}"


def _cache_url(url: str, db: int) -> str:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix://{unquote(parts.path)}?db={db}"
    return f"{parts.scheme}://{parts.netloc}/{db}"


REDIS_URL = env("REDIS_URL", default="redis://127.0.0.1:6379/0")
DATABASES = {
    "default": {
        **env.db("DATABASE_URL", default="postgresql:///oms"),
        "ENGINE": "oms.db",
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }
}
DATABASES["default"].setdefault("OPTIONS", {}).update(
    {
        "application_name": env("OMS_PROCESS", default="oms"),
        # Prepared statements: Django's default (client-side binding) plans each statement anew.
        # Behind PgBouncer in transaction mode set OMS_PREPARE=0.
        "server_side_binding": env.bool("OMS_PREPARE", default=True),
        "prepare_threshold": 3 if env.bool("OMS_PREPARE", default=True) else None,
        # jit off: our statements are many and short. plan_cache_mode stays automatic.
        # random_page_cost: what we look up lies in memory or on a disk without arms. By the default, made for others,
        # a table of a few pages is read whole, and plans made on such a day are kept while it grows.
        # The threshold is how like a word must be to be found at all (inventory/search.py).
        "options": "-c lock_timeout=5s -c statement_timeout=60s -c idle_in_transaction_session_timeout=60s -c jit=off"
        " -c random_page_cost=1.1 -c pg_trgm.word_similarity_threshold=0.3",
    }
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": _cache_url(REDIS_URL, 1)},
}

# ---- applications ----------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "import_export",
    "oms",
    "inventory",
    "routing",
    "orders",
    "returns",
    "stores",
    "reporting",
]
MIDDLEWARE = [
    "oms.middleware.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "oms.middleware.ApiPathMiddleware",
    "oms.middleware.OfficeTimeMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "oms.middleware.ContentPolicyMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "oms.urls"
WSGI_APPLICATION = "oms.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "oms" / "theme" / "templates"],  # before the theme's own
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# ---- people and keys -------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_HANDLER = "axes.handlers.database.AxesDatabaseHandler"
AXES_LOCKOUT_CALLABLE = "oms.web.views.locked_out"
AXES_VERBOSE = False
CSRF_FAILURE_VIEW = "oms.problems.csrf_failure"
LOGIN_URL = "/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:", "https:"],  # a retailer keeps its products' pictures elsewhere
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
    },
}

# ---- API -------------------------------------------------------------------------------------

MAX_BODY_BYTES = env.int("OMS_MAX_BODY_BYTES", default=5 * 1024 * 1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
IMPORT_MAX_BYTES = env.int("OMS_IMPORT_MAX_BYTES", default=2 * 1024**3)
FILE_MAX_BYTES = 10 * 1024 * 1024  # of a list that staff bring in by hand
FILE_MAX_ROWS = 20_000
LARGE_BODIES = {  # addresses whose bodies are streamed to disk, with a limit of their own
    "/api/v1/stock/imports": IMPORT_MAX_BYTES,
    "/admin/inventory/stockimport/upload": IMPORT_MAX_BYTES,
    "/admin/inventory/product/import": FILE_MAX_BYTES + 1024 * 1024,
    "/admin/inventory/productprice/import": FILE_MAX_BYTES + 1024 * 1024,
    "/admin/inventory/location/import": FILE_MAX_BYTES + 1024 * 1024,
}
THROTTLE_PER_MINUTE = env.int("OMS_THROTTLE_PER_MINUTE", default=60_000)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "oms.api.authentication.KeyAuthentication",
        "oms.api.authentication.StaffSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["oms.api.permissions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["oms.api.json.JsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["oms.api.json.JsonRenderer"],
    "DEFAULT_THROTTLE_CLASSES": ["oms.api.throttling.CallerThrottle"],
    "DEFAULT_PAGINATION_CLASS": "oms.api.paging.CursorPaging",
    "DEFAULT_FILTER_BACKENDS": ["oms.api.filters.FilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "oms.api.schema.ProblemAwareSchema",
    "EXCEPTION_HANDLER": "oms.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "COERCE_DECIMAL_TO_STRING": True,
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "OMS API",
    "DESCRIPTION": (
        "Omnichannel order management: stock, orders, routing, fulfillment. Every refusal is a problem document. A body or an"
        " address that holds a character below U+0020 (but the tab and the ends of lines), U+FFFE or U+FFFF is refused with 400."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",  # pydantic writes null types
    "SERVE_PERMISSIONS": [],
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["oms.api.examples.add_examples"],
}

# ---- Celery ----------------------------------------------------------------------------------

CELERY_BROKER_URL = _broker_url(REDIS_URL, 0)
CELERY_TIMEZONE = "UTC"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 900,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
}
# Each alarm expires before the next but few: a worker that slept finds one alarm, not a thousand.
CELERY_BEAT_SCHEDULE = {
    "sweep-deadlines": {
        "task": "oms.tasks.sweep_deadlines",
        "schedule": 1.0,
        "options": {"queue": "clock", "expires": 3},
    },
    "relay-outbox": {"task": "oms.tasks.relay_outbox", "schedule": 1.0, "options": {"queue": "outbox", "expires": 3}},
    "forget-old-stock": {
        "task": "inventory.tasks.forget_old",
        "schedule": 300.0,
        "options": {"queue": "default", "expires": 200},
    },
    "refresh-stock-pace": {
        "task": "inventory.tasks.refresh_pace",
        "schedule": 3600.0,
        "options": {"queue": "default", "expires": 1800},
    },
    "forget-old": {
        "task": "oms.tasks.forget_old",
        "schedule": 3600.0,
        "options": {"queue": "default", "expires": 1800},
    },
    "open-ledger-months": {
        "task": "inventory.tasks.open_ledger_months",
        "schedule": 6 * 3600.0,
        "options": {"queue": "default", "expires": 3600},
    },
    "forget-old-movements": {
        "task": "inventory.tasks.forget_old_movements",
        "schedule": crontab(hour="3", minute="20"),  # when few read the ledger: its end locks it for a moment
        "options": {"queue": "default", "expires": 3600},
    },
    "work-on-imports": {
        "task": "inventory.tasks.work_on_imports",
        "schedule": 1.0,
        "options": {"queue": "imports", "expires": 3},
    },
    "tidy-imports": {
        "task": "inventory.tasks.tidy_imports",
        "schedule": 60.0,
        "options": {"queue": "imports", "expires": 60},
    },
    "learn-dates": {
        "task": "routing.tasks.learn_dates",
        "schedule": crontab(hour="2", minute="40"),
        "options": {"queue": "default", "expires": 3600},
    },
    "tell-demands": {
        "task": "orders.tasks.tell_demands",
        "schedule": 900.0,
        "options": {"queue": "default", "expires": 600},
    },
    "work-on-simulations": {
        "task": "routing.tasks.work_on_simulations",
        "schedule": 2.0,
        "options": {"queue": "simulations", "expires": 5},
    },
    "judge-shadows": {
        "task": "routing.tasks.judge_shadows",
        "schedule": 300.0,
        "options": {"queue": "simulations", "expires": 250},
    },
    "forget-simulations": {
        "task": "routing.tasks.forget_simulations",
        "schedule": crontab(hour="4", minute="10"),
        "options": {"queue": "default", "expires": 3600},
    },
    "forget-decisions": {
        "task": "orders.tasks.forget_decisions",
        "schedule": crontab(hour="3", minute="40"),
        "options": {"queue": "default", "expires": 3600},
    },
    "reoptimise-orders": {
        "task": "orders.tasks.reoptimise",
        "schedule": 180.0,
        "options": {"queue": "default", "expires": 120},
    },
    "serve-backorders": {
        "task": "orders.tasks.serve_backorders",
        "schedule": 300.0,
        "options": {"queue": "default", "expires": 250},
    },
    "price-scarcity": {
        "task": "routing.tasks.price_scarcity",
        "schedule": 900.0,
        "options": {"queue": "default", "expires": 600},
    },
    "learn-acceptance": {
        "task": "routing.tasks.learn_acceptance",
        "schedule": 3600.0,
        "options": {"queue": "default", "expires": 1800},
    },
    "price-slow-stock": {
        "task": "routing.tasks.price_slow_stock",
        "schedule": 3600.0,
        "options": {"queue": "default", "expires": 1800},
    },
    "reconcile-stock": {
        "task": "inventory.tasks.reconcile_stock",
        "schedule": crontab(hour="0", minute="20"),  # the day before has ended everywhere in UTC
        "options": {"queue": "default", "expires": 3600},
    },
}
IDEMPOTENCY_DAYS = 7
VERSIONED_CACHE_SECONDS = 1.0  # for so long a process trusts what it knows by heart without asking
LEDGER_MONTHS = env.int("OMS_LEDGER_MONTHS", default=0)  # whole months of stock movements that are kept; 0: all

# ---- files of stock ---------------------------------------------------------------------------

IMPORT_DIR = Path(env("OMS_IMPORT_DIR", default=str(OMS_HOME / "imports")))  # not the media, which all may see
IMPORT_MAX_UNPACKED_BYTES = env.int("OMS_IMPORT_MAX_UNPACKED_BYTES", default=8 * 1024**3)
IMPORT_MAX_RATIO = 200  # bytes that may come out of one packed byte
IMPORT_UPLOADS_AT_ONCE = env.int("OMS_IMPORT_UPLOADS_AT_ONCE", default=2)  # per web process: the others answer
IMPORTS_WAITING = 100  # of one source
IMPORT_CHUNK_ROWS = env.int("OMS_IMPORT_CHUNK_ROWS", default=4000)  # applied in one transaction
IMPORT_FAULTS_KEPT = 5000
IMPORT_FAULT_DAYS = 90  # rejected rows are kept so long after their import has ended
IMPORT_LEASE_SECONDS = env.int("OMS_IMPORT_LEASE_SECONDS", default=20)  # how long a killed worker delays what it had
RECOGNIZED_WORK_DAYS = 180  # for so long a source may tell us of an order's work that we book ourselves

# ---- languages and time ----------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("fr", _("French"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
OFFICE_TIME_ZONE = ZoneInfo(env("OMS_OFFICE_TIME_ZONE", default="UTC"))
UNFOLD["SITE_SUBHEADER"] = format_lazy("{} · {}", UNFOLD["SITE_SUBHEADER"], OFFICE_TIME_ZONE.key)

# ---- files -----------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
MEDIA_URL = "/media/"
MEDIA_ROOT = OMS_HOME / "media"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# ---- what is said ----------------------------------------------------------------------------

LOG_LEVEL = env("OMS_LOG_LEVEL", default="INFO")
LOG_JSON = env.bool("OMS_LOG_JSON", default=False)
LOGGING_CONFIG = "oms.logs.configure"
LOGGING = {"level": LOG_LEVEL, "as_json": LOG_JSON}
PUBLIC_URL = env("OMS_PUBLIC_URL", default=f"http://127.0.0.1:{env('PORT', default='8000')}")

# ---- the trade's defaults (overridden by channels and service levels) --------------------------

PLANNING_BUDGET_MS = env.int("OMS_PLANNING_BUDGET_MS", default=150)
EXPLANATION_SECONDS = 3.0  # for so long at most a decision is planned again to say why a place was not chosen
PLACEMENT_ATTEMPTS = 4
REOPTIMISATION_BUDGET_MS = env.int("OMS_REOPTIMISATION_BUDGET_MS", default=5000)
REOPTIMISED_FULFILLMENTS = 400  # looked at in one run, those to be released first
PAYMENT_TIMEOUT_SECONDS = 3
SUPPLY_TRUSTED_DAYS_LATE = env.int("OMS_SUPPLY_TRUSTED_DAYS_LATE", default=7)
TRANSFER_DAYS = env.int("OMS_TRANSFER_DAYS", default=2)
HOLD_LONGEST_MINUTES = 60  # a cart keeps goods from others no longer than this, however often it is renewed
HOLD_MOST_UNITS = env.int("OMS_HOLD_MOST_UNITS", default=200)  # of one cart
HOLD_MOST_PER_KEY = env.int("OMS_HOLD_MOST_PER_KEY", default=10_000)  # live at once
LEARNING_DAYS = env.int("OMS_LEARNING_DAYS", default=180)  # of lead times that promise dates are learned from
CALIBRATION_DAYS = env.int("OMS_CALIBRATION_DAYS", default=60)  # of promises by which their level is set
# What the last units are worth: for so many days demand is forecast, no unit is worth more, and prices hold so long.
SCARCITY_HORIZON_DAYS = 7
SCARCITY_CAP = Decimal("10.00")
SCARCITY_HOURS = 3.0
# What slow stock is worth to get rid of: a share of its price that rises from nothing, at so many weeks of cover, to the
# most at so many more.
MARKDOWN_FROM_WEEKS = 26
MARKDOWN_FULL_WEEKS = 52
MARKDOWN_MOST = Decimal("0.20")
DEMAND_DAYS = env.int("OMS_DEMAND_DAYS", default=400)  # what was wanted is remembered so long
DECISION_DAYS = env.int("OMS_DECISION_DAYS", default=400)  # and decisions, but for open orders
ACCEPTANCE_DAYS = 180  # what became of offers is learned from so long
LEAD_TIME_DAYS = 400  # lead times are kept so long
PROMISE_DAYS = env.int("OMS_PROMISE_DAYS", default=730)  # and promises that have ended
QUOTE_MINUTES = env.int("OMS_QUOTE_MINUTES", default=30)
# Counts: so many units more or fewer still agree with the books, and are corrected without asking anybody as long as
# they are worth no more than this; what is worth more than the second value, headquarters approves. Values are at
# the product's price, in its currency.
COUNT_TOLERANCE_UNITS = env.int("OMS_COUNT_TOLERANCE_UNITS", default=1)
COUNT_TOLERANCE_VALUE = env.int("OMS_COUNT_TOLERANCE_VALUE", default=50)
COUNT_HEADQUARTERS_VALUE = env.int("OMS_COUNT_HEADQUARTERS_VALUE", default=1000)
SIMULATION_MOST_ORDERS = env.int("OMS_SIMULATION_MOST_ORDERS", default=100_000)
SIMULATIONS_WAITING = 20
SIMULATION_SCARCITY_HOURS = 6.0  # so often a replay works out anew what the last units are worth
SIMULATION_CHANGES_KEPT = env.int("OMS_SIMULATION_CHANGES_KEPT", default=2000)  # changed orders, to be looked at
SIMULATION_DAYS = env.int("OMS_SIMULATION_DAYS", default=180)  # simulations that have ended are kept so long
SIMULATION_LEASE_SECONDS = env.int(
    "OMS_SIMULATION_LEASE_SECONDS", default=30
)  # how long a killed worker delays what it had
SHADOWS_AT_ONCE = 5  # drafts that decide beside the live rules
# Rules decide only after a simulation of that very text has been completed.
PUBLISHING_NEEDS_SIMULATION = env.bool("OMS_PUBLISHING_NEEDS_SIMULATION", default=False)
