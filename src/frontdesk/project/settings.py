"""Django's settings: a translation of `project.configuration`, and nothing else decides."""

from pathlib import Path
from typing import cast as _cast

from django.utils.functional import SimpleLazyObject as _Lazy

from frontdesk.console.theme import FORMAT_MODULE_PATH, UNFOLD  # noqa: F401 (Django reads both names)
from frontdesk.project import configuration as _configuration
from frontdesk.project import database_url as _database_url

CONFIGURATION = _configuration.load()
"""The typed configuration, for `server.wiring` and the command line."""

DATA_DIR: Path = CONFIGURATION.data_dir
ENVIRONMENT: str = CONFIGURATION.environment
DEBUG = False
# Made and kept when first used: reading the settings (type checkers, `--help`) writes nothing.
SECRET_KEY = _cast("str", _Lazy(CONFIGURATION.resolved_secret_key))
LLM_MASTER_KEYS = _cast("tuple[str, ...]", _Lazy(CONFIGURATION.resolved_master_keys))
REDIS_URL: str = CONFIGURATION.redis_url.get_secret_value()
LLM_REREAD_MASTER_KEYS = CONFIGURATION.reread_master_keys
LLM_PREFERRED_PROVIDER: str = CONFIGURATION.preferred_provider
LLM_PREFERRED_MODEL: str = CONFIGURATION.preferred_model
LLM_DEBUG_MODE: bool = CONFIGURATION.debug_mode
LLM_PROVIDER_OVERLAYS = tuple(entry.overlay for entry in CONFIGURATION.provider_overlays)
ALLOWED_HOSTS = list(CONFIGURATION.effective_hosts())

INSTALLED_APPS = [
    "frontdesk.tenants",
    "frontdesk.usage",
    "frontdesk.knowledge",
    "frontdesk.conversations",
    "frontdesk.channels",
    "frontdesk.console",
    "unfold.apps.BasicAppConfig",
    "frontdesk.console.apps.ConsoleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "frontdesk.project.static_files.StaticFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "frontdesk.project.urls"
AUTH_USER_MODEL = "tenants.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASES = {"default": _database_url.parse(CONFIGURATION.database_url.get_secret_value(), DATA_DIR)}

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en"

# Static files are served from the packages they are in: no collectstatic step, no directory to prepare.
STATIC_URL = "/static/"
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = CONFIGURATION.is_production
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [
    f"https://{'*' if host.startswith('.') else ''}{host}" for host in CONFIGURATION.allowed_hosts if host != "*"
]

LOGGING_CONFIG = "frontdesk.project.log.configure"
LOGGING = {
    "level": CONFIGURATION.log_level,
    "own_level": CONFIGURATION.effective_log_level,
    "as_json": CONFIGURATION.is_production,
    "shows_place": CONFIGURATION.debug_mode,
    "secrets": CONFIGURATION.secrets,
}
