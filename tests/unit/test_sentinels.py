"""URLs of a Redis that sentinels watch."""

import pytest

from pipeline.errors import SettingsError
from pipeline.queue.sentinels import sentinel_settings
from pipeline.queue.server import connected


def test_a_url_names_sentinels_master_database_and_passwords() -> None:
    url = "redis+sentinel://user:p%40ss@a:1,b,[::1]:3/main/2?sentinel_password=s%2Ft&client_name=loader"
    assert sentinel_settings(url) == {
        "INSTANCES": [("a", 1), ("b", 26379), ("::1", 3)],
        "MASTER_NAME": "main",
        "DB": 2,
        "USERNAME": "user",
        "PASSWORD": "p@ss",
        "SENTINEL_KWARGS": {"password": "s/t"},
        "CONNECTION_KWARGS": {"client_name": "loader"},
    }


def test_a_url_may_name_no_more_than_a_sentinel_and_a_master() -> None:
    settings = sentinel_settings("redis+sentinel://a/main")
    assert (settings["INSTANCES"], settings["DB"], settings["PASSWORD"]) == ([("a", 26379)], 0, None)


@pytest.mark.parametrize("url", ["redis+sentinel://a:1", "redis+sentinel://a:1/", "redis+sentinel:///main"])
def test_a_url_without_a_master_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="names no master"):
        sentinel_settings(url)


def test_a_url_that_names_no_master_is_an_error_of_the_setting() -> None:
    with pytest.raises(SettingsError, match=r"REDIS_URL is not a Redis URL; .*/mymaster/0"):
        connected("redis+sentinel://127.0.0.1:1")
