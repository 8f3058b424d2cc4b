# The image of all processes of a deployment: see docs/deploy.md.
FROM python:3.12-slim AS wheel
WORKDIR /source
COPY . .
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheel .

FROM python:3.12-slim
ARG EXTRAS=postgres,s3
# pip reads it: an index with builds of torch without CUDA makes the image a tenth of the size.
ARG PIP_EXTRA_INDEX_URL=""
RUN useradd --uid 10001 --create-home digits && install --directory --owner digits /data
COPY constraints.txt /wheel/
COPY --from=wheel /wheel/*.whl /wheel/
RUN wheel="$(ls /wheel/*.whl)" \
  && python -m pip install --no-cache-dir --constraint /wheel/constraints.txt "${wheel}[${EXTRAS}]"
USER 10001
# Everything that is written is in /data; the rest of the file system may be read-only, but for /tmp.
ENV MNIST_PIPELINE_STORAGE=/data/storage DAGSTER_HOME=/data/dagster XDG_CACHE_HOME=/data/cache XDG_CONFIG_HOME=/data/config \
  PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
VOLUME /data
EXPOSE 3000
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:3000/healthz')"]
ENTRYPOINT ["mnist-pipeline"]
CMD ["ui", "--host", "0.0.0.0"]
