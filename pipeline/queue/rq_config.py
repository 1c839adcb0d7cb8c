"""Where `rq info` finds Redis, in a worker's container: RQ_CONFIG names this module."""

import os

from pipeline.credentials import with_password

REDIS_URL = with_password("REDIS_URL", os.environ.get("REDIS_URL", "redis://"))
