# Read by the `flask` command alone, never by gunicorn. A .env file wins over it.
FLASK_APP=wsgi
FLASK_RUN_PORT=8000
DATABASE_URL=embedded
