"""How gunicorn serves the application over HTTP: its worker, its logger and its sockets."""
