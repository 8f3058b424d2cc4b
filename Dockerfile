# The image of all processes of a deployment: see docs/deploy.md.
FROM python:3.12-slim AS wheel
WORKDIR /source
COPY . .
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheel .

FROM python:3.12-slim
ARG EXTRAS=postgres,s3
# pip reads it: an index with builds of torch without CUDA makes the image a tenth of the size.
ARG PIP_EXTRA_INDEX_URL=""
# A new volume takes the owner of the directory that it covers.
RUN useradd --uid 10001 --create-home digits \
  && install --directory --owner digits /data /data/dagster /data/storage /data/storage/report
COPY constraints.txt /wheel/
COPY --from=wheel /wheel/*.whl /wheel/
RUN wheel="$(ls /wheel/*.whl)" \
  && python -m pip install --no-cache-dir --constraint /wheel/constraints.txt "${wheel}[${EXTRAS}]"
COPY --chown=10001 mnist_pipeline/runtime/dagster.yaml /data/dagster/
USER 10001
# Everything that is written is in /data.
ENV MNIST_PIPELINE_STORAGE=/data/storage DAGSTER_HOME=/data/dagster XDG_CACHE_HOME=/data/cache XDG_CONFIG_HOME=/data/config \
  PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
VOLUME /data
EXPOSE 3000
CMD ["dagster-webserver", "--host", "0.0.0.0", "--port", "3000", "--module-name", "mnist_pipeline.assets.definitions"]
