"""Where `rq info` finds Redis, in a worker's container: RQ_CONFIG names this module."""

import os

from pipeline.credentials import with_password
from pipeline.queue.sentinels import SCHEME, sentinel_settings

_url = with_password("REDIS_URL", os.environ.get("REDIS_URL", "redis://"))
if _url.startswith(f"{SCHEME}://"):
    SENTINEL = sentinel_settings(_url)
else:
    REDIS_URL = _url
