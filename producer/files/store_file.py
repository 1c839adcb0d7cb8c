"""A file in a store that fsspec reads: s3://, gs://, sftp://."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from pipeline.errors import InputError, PipelineError, SettingsError, TransientError
from pipeline.url import Url
from pipeline.waiting import retry_transient
from producer.files.remote_file import RemoteFile, answer_timeout

EXTRAS = {"s3": "s3", "gs": "gcs", "sftp": "sftp"}
BLOCK = 8 << 20  # bytes of one request
NO_LOGIN = "No authentication methods available"  # Paramiko has no class for it, and servers lock out who tries again


class StoreFile(RemoteFile):
    """Its version is the one that the store keeps in a bucket with versions, or a SHA-256 that the store has of it.

    Every part is asked for by the size and, in S3, the ETag of the first.
    """

    def __init__(self, url: Url) -> None:
        self._file: Any = None
        self._identity: tuple[object, ...] | None = None
        self._store: Any = None
        self._path = ""
        super().__init__(url)

    def connect(self) -> Any:
        with _errors_of(self.url):
            self._store = store_of(self.url)
            self._path = self._store._strip_protocol(self.url.text)
            identity = self._identity_now()
            if self._identity not in (None, identity):
                raise self.changed()
            if self._identity is None:
                self.version = self._version()
            self._identity = identity
            self._file = self._store.open(self._path, "rb", block_size=BLOCK)
            self._file.seek(self.position)
        return self._file

    def read_some(self, size: int) -> bytes:
        file = self._file or self.connect()
        try:
            with _errors_of(self.url):
                block: bytes = file.read(size)
                if not block and size and self._identity_now() != self._identity:
                    raise self.changed()
        except TransientError:
            self._file = None
            raise
        if not block and size and self.position != self._size:
            raise self.changed()
        return block

    @property
    def _size(self) -> object:
        return self._identity and self._identity[0]

    def _identity_now(self) -> tuple[object, ...]:
        """What is another once the file has changed."""
        self._store.invalidate_cache()
        info = self._store.info(self._path)
        if info["type"] != "file":
            raise InputError("a folder; name the CSV files in it")
        return (info["size"], *(str(info.get(name)) for name in ("ETag", "generation", "mtime", "LastModified")))

    def _version(self) -> str | None:
        """Digest of what the store promises to be of this content alone: an MD5, which an ETag can be, is none."""
        if self.url.scheme == "gs":
            generation = self._store.info(self._path).get("generation")
            return self.url.digest(f"generation {generation}") if generation else None
        if self.url.scheme != "s3":
            return None
        bucket, key, _ = self._store.split_path(self._path)
        head = self._store.call_s3("head_object", Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        if (version := head.get("VersionId", "null")) != "null":  # as of a bucket that keeps no versions
            return self.url.digest(f"version {version}")
        sha256 = head.get("ChecksumSHA256")
        return self.url.digest(f"sha256 {sha256} of {head['ContentLength']}") if sha256 else None

    def close(self) -> None:
        if self._file:
            self._file.close()
        super().close()


def matching(url: Url) -> list[Url]:
    """The files that a pattern such as s3://bucket/2024/*.csv names, by name.

    Raises InputError if there are none, or the store does not list them.
    """
    try:
        found = retry_transient(partial(_found, url))
    except TransientError as error:
        raise InputError(f"{error}; try again later") from error
    except InputError as error:
        raise InputError(f"{url}: {error}") from error
    place = "" if url.scheme == "sftp" else f"{url.parts.netloc}/"
    names = sorted(name for name, info in found.items() if info["type"] == "file")
    if not names:
        raise InputError(f"{url}: no file has such a name; correct the pattern")
    return [url.with_path(name.removeprefix(place)) for name in names]


def _found(url: Url) -> dict[str, Any]:
    """What a pattern names: paths in the store, each with what the store knows of it."""
    with _errors_of(url):
        store = store_of(url)
        found: dict[str, Any] = store.glob(store._strip_protocol(url.text), detail=True)
        return found


def store_of(url: Url) -> Any:
    """The file system that has the file, from fsspec. Raises SettingsError if its packages are not installed."""
    try:
        import fsspec

        if url.scheme == "sftp":
            return _sftp(url)
        if url.scheme == "gs":
            return fsspec.filesystem("gs", requests_timeout=answer_timeout(), skip_instance_cache=True)
        config = dict.fromkeys(("connect_timeout", "read_timeout"), answer_timeout())
        retries = {"total_max_attempts": 1}  # RemoteFile tries again, within the limit of the process
        store = fsspec.filesystem("s3", config_kwargs={**config, "retries": retries}, skip_instance_cache=True)
        store.retries = 1
        return store
    except ImportError as error:
        raise SettingsError(
            f"{url}: {url.scheme}:// needs more packages; install the extra, in a checkout with:"
            f" .venv/bin/pip install -e '.[{EXTRAS[url.scheme]}]'"
        ) from error


def _sftp(url: Url) -> Any:
    import fsspec

    from producer.files.known_hosts import KnownHosts

    user, password = url.credentials or (None, None)
    store = fsspec.filesystem(
        "sftp",
        host=url.parts.hostname,
        port=url.parts.port or 22,
        username=user,
        password=password,
        host_key_policy=KnownHosts(),
        **dict.fromkeys(("timeout", "banner_timeout", "auth_timeout", "channel_timeout"), answer_timeout()),
        skip_instance_cache=True,
    )
    store.ftp.get_channel().settimeout(answer_timeout())
    return store


@contextmanager
def _errors_of(url: Url) -> Iterator[None]:
    """Raises the project's errors."""
    try:
        yield
    except PipelineError:
        raise
    except FileNotFoundError as error:
        raise InputError("no such file; correct the URL") from error
    except Exception as error:
        if str(error) == NO_LOGIN:
            raise InputError(
                "no SSH key and no password to log in with; put a key into ~/.ssh, start an ssh-agent, or add a"
                " password to the URL"
            ) from error
        refusals, breaks = _error_kinds(url)
        if isinstance(error, refusals):
            raise InputError(f"the store refuses access ({_reason(error)}); correct credentials or rights") from error
        if isinstance(error, breaks) and getattr(error, "errno", None) != errno.EINVAL:  # S3's for a wrong request
            raise TransientError(f"{url}: {_reason(error)}") from error
        raise InputError(f"cannot be read ({_reason(error)}); correct the URL or the store's settings") from error


def _error_kinds(url: Url) -> tuple[tuple[type[Exception], ...], tuple[type[Exception], ...]]:
    """What the libraries raise when the store refuses access, and when a connection breaks."""
    if url.scheme == "sftp":
        from paramiko import AuthenticationException, SSHException

        return (PermissionError, AuthenticationException), (OSError, EOFError, SSHException)
    if url.scheme == "gs":
        return (PermissionError,), (OSError,)
    from aiohttp import ClientError
    from botocore.exceptions import ConnectionError as ConnectingError
    from botocore.exceptions import HTTPClientError, NoCredentialsError

    # IndexError is s3fs's own, for a timeout while it reads.
    return (PermissionError, NoCredentialsError), (OSError, ClientError, ConnectingError, HTTPClientError, IndexError)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer for {answer_timeout():g} s"
    return str(error) or type(error).__name__
