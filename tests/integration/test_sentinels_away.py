"""Sentinels that do not answer, which their client asks several times."""

import pytest

from pipeline.errors import CannotConnectError
from pipeline.queue.server import connected


def test_sentinels_that_know_no_master_are_named_with_the_remedy() -> None:
    with pytest.raises(CannotConnectError) as refused:
        connected("redis+sentinel://:secret@127.0.0.1:1,127.0.0.1:2/main")
    assert str(refused.value) == (
        "cannot use Redis at 127.0.0.1:1,127.0.0.1:2: no sentinel answers that 'main' has a master; its name or"
        " sentinel_password may be wrong"
    )
    assert not refused.value.is_permanent
