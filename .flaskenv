# Only the `flask` command reads this file; gunicorn never does. A .env file overrides it.
FLASK_APP=wsgi
FLASK_RUN_PORT=8000
DATABASE_URL=embedded
