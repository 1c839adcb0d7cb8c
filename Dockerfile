# One image for all stages, from the wheel: `docker build .`, or `make image`, which adds the commit as a label.
# --build-arg EXTRAS=s3,sftp adds extras of pyproject.toml.
FROM python:3.13-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

FROM base AS wheel
WORKDIR /source
COPY requirements-dev.txt .
RUN pip install --quiet -c requirements-dev.txt setuptools
COPY . .
RUN pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheel . \
    && install -D -m 755 pipeline/cli/entrypoint /commands/as-data-owner

FROM base
COPY requirements.txt /build/
# A layer of its own: a change of the code leaves it as it is.
RUN pip install --quiet -r /build/requirements.txt
COPY --from=wheel /commands /usr/local/bin
COPY --from=wheel /source/requirements-dev.txt /wheel/*.whl /build/
ARG EXTRAS=
RUN pip install --quiet -c /build/requirements-dev.txt "$(echo /build/*.whl)${EXTRAS:+[$EXTRAS]}"
ENV DATA_DIR=/data OUTPUT_DIR=/data
USER 10001:10001
ENTRYPOINT ["as-data-owner"]
CMD ["pipeline", "--help"]
ARG REVISION=
LABEL org.opencontainers.image.title=csv-pipeline \
    org.opencontainers.image.licenses=MIT \
    org.opencontainers.image.version=1.0.0 \
    org.opencontainers.image.revision=$REVISION
