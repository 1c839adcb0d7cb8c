"""Workers that come and go as KEDA has them, by what its scaler reads in the ledger."""

import math
import signal
import time
from collections.abc import Callable
from itertools import pairwise

from tests.deploy.manifests import find, render
from tests.faults.conftest import PEOPLE, Run

POLL_INTERVAL = 0.5  # seconds; a cluster asks less often, and its loads are longer
CHUNK_ROWS = 200
TIMEOUT = 120  # seconds, on a busy machine


def test_a_load_by_workers_from_none_to_many_to_none_is_exact(
    run: Run, record_property: Callable[[str, object], None]
) -> None:
    scaled = find(render("keda"), "ScaledObject", "worker")["spec"]
    [trigger] = scaled["triggers"]
    query, target = trigger["metadata"]["query"], float(trigger["metadata"]["targetQueryValue"])
    start = time.monotonic()
    producer = run.produce(CHUNK_ROWS=str(CHUNK_ROWS))
    exporter = None
    counts = [0]
    while not (producer.poll() == 0 and counts[-1] == 0):
        assert time.monotonic() - start < TIMEOUT
        wanted = min(scaled["maxReplicaCount"], max(scaled["minReplicaCount"], math.ceil(run.value(query) / target)))
        scale(run, wanted)
        counts.append(wanted)
        if exporter is None and wanted:
            exporter = run.export()
        time.sleep(POLL_INTERVAL)
    assert exporter is not None
    run.finish(producer, exporter)
    run.check_first_load()
    assert max(counts) >= math.ceil(PEOPLE / CHUNK_ROWS / target) > 1
    scalings = [count for before, count in pairwise(counts) if count != before]
    assert len(scalings) > 2, scalings
    record_property("measured", f"{scalings} workers in turn, {time.monotonic() - start:.1f} s")


def scale(run: Run, wanted: int) -> None:
    """Starts workers, or tells some to stop, and waits for neither.

    Those that have ended did so with exit code 0, or by the signal if Python was still starting.
    """
    run.workers += [run.commands.start("worker", LOG_FORMAT="json") for _ in range(wanted - len(run.workers))]
    while len(run.workers) > wanted:
        worker = run.workers.pop(0)
        worker.terminate()
        run.stopped.append(worker)
    for worker in run.stopped:
        if worker.poll() == -signal.SIGTERM:
            assert worker.communicate() == ("", "")
        else:
            assert worker.returncode in (None, 0)
