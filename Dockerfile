# To pin the base image, add its digest: python:3.13-slim@sha256:...
# `docker buildx imagetools inspect python:3.13-slim` prints it.
# Dependabot then updates the tag and the digest.
FROM python:3.13-slim AS packages
COPY requirements.txt .
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --only-binary :all: --require-hashes -r requirements.txt

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH PORT=8000 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin app
COPY --from=packages /venv /venv
WORKDIR /srv
COPY wsgi.py gunicorn.conf.py ./
COPY migrations migrations
COPY http_server http_server
COPY todo_api todo_api
USER app
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/health', timeout=2)"]
CMD ["gunicorn"]
