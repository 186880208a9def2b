"""How gunicorn runs the peer. It reads WEB_CONCURRENCY by itself."""

wsgi_app = "benchmarks.peers.ninja.wsgi"
threads = 10  # each keeps a connection to the database
accesslog = "-"
control_socket_disable = True
