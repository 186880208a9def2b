"""The settings of Django."""

import os

from psycopg.conninfo import conninfo_to_dict

connection = conninfo_to_dict(os.environ["DATABASE_URL"])

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": connection.pop("dbname"),
        "OPTIONS": connection,
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }
}
SECRET_KEY = os.environ["BETTER_AUTH_SECRET"]
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["corsheaders", "benchmarks.peers.ninja"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.common.CommonMiddleware",
]
CORS_ALLOWED_ORIGINS = ["http://localhost:3000"]
CORS_ALLOW_CREDENTIALS = True
ROOT_URLCONF = "benchmarks.peers.ninja.urls"
TIME_ZONE = "UTC"
