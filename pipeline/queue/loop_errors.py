"""Errors in RQ's loop, each in one line: RQ logs them with a traceback."""

import logging
from collections.abc import Callable
from typing import Any

import redis
from rq.exceptions import StopRequested

logger = logging.getLogger(__name__)


def logging_errors(function: Any, *arguments: Any) -> Any:
    """What the function returns; says what ends the worker's loop."""
    try:
        return function(*arguments)
    except StopRequested:
        raise
    except Exception as error:
        logger.error("the worker has to start again: %s: %s", type(error).__name__, error)
        raise


def trying(task: Callable[..., object], *arguments: object) -> None:
    """Runs a task of maintenance, which keeps no other from being done; raises if Redis is away."""
    try:
        task(*arguments)
    except (redis.ConnectionError, redis.TimeoutError):
        raise
    except Exception as error:
        logger.warning("maintenance: %s: %s: %s", getattr(task, "__name__", task), type(error).__name__, error)
