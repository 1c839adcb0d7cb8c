"""A Redis that sentinels watch: they know which server is the master, also after a failover."""

from typing import Any
from urllib.parse import urlsplit

from redis import Redis
from redis.connection import parse_url
from redis.sentinel import MasterNotFoundError, Sentinel

from pipeline import server_url

SCHEME = "redis+sentinel"
PORT = 26379


def sentinel_settings(url: str) -> dict[str, Any]:
    """What a URL such as redis+sentinel://:password@host1:26379,host2:26379/mymaster/0 says, as RQ's SENTINEL has it.

    User and password are those of the master; `?sentinel_password=` is that of the sentinels. Raises ValueError if the
    URL names no master.
    """
    parts = server_url.split(url)
    credentials, at, hosts = parts.netloc.rpartition("@")
    master, _, number = parts.path.strip("/").partition("/")
    if not master or not hosts:
        raise ValueError("the URL names no master")
    options = parse_url(f"redis://{credentials}{at}/{number}?{parts.query}")
    password = options.pop("sentinel_password", None)
    return {
        "INSTANCES": [(host.hostname, host.port or PORT) for host in map(_split_host, hosts.split(","))],
        "MASTER_NAME": master,
        "DB": options.pop("db", 0),
        "USERNAME": options.pop("username", None),
        "PASSWORD": options.pop("password", None),
        "SENTINEL_KWARGS": {"password": password} if password else {},
        "CONNECTION_KWARGS": options,
    }


def sentinel_client(url: str, **options: Any) -> "Redis":
    """A client of the master, which each new connection asks the sentinels for. Raises ValueError as above."""
    settings = sentinel_settings(url)
    timeouts = {name: value for name, value in options.items() if name.startswith("socket_")}
    sentinels = _Sentinels(settings["INSTANCES"], sentinel_kwargs={**timeouts, **settings["SENTINEL_KWARGS"]})
    return sentinels.master_for(  # type: ignore[no-any-return]
        settings["MASTER_NAME"],
        db=settings["DB"],
        username=settings["USERNAME"],
        password=settings["PASSWORD"],
        **settings["CONNECTION_KWARGS"],
        **options,
    )


class _Sentinels(Sentinel):
    """Sentinels whose error says in plain words that none of them knows the master."""

    def discover_master(self, service_name: str) -> tuple[str, int]:
        try:
            return super().discover_master(service_name)  # type: ignore[no-any-return]
        except MasterNotFoundError:
            raise MasterNotFoundError(
                f"no sentinel answers that '{service_name}' has a master; its name or sentinel_password may be wrong"
            ) from None


def _split_host(host: str) -> Any:
    return urlsplit(f"//{host}")
