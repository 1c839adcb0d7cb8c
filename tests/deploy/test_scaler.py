"""The query by which KEDA scales the workers: how many chunks the ledger misses."""

from tests.conftest import PEOPLE, Pipeline
from tests.deploy.manifests import find, render


def trigger() -> dict[str, str]:
    [trigger] = find(render("keda"), "ScaledObject", "worker")["spec"]["triggers"]
    return dict(trigger["metadata"])


def missing(pipeline: Pipeline) -> float:
    """What the scaler reads, with the rights of its role alone: one row of one number."""
    with pipeline.database.transaction() as tx:
        tx.run(f"SET LOCAL ROLE {trigger()['userName']}")
        tx.run("SET TRANSACTION READ ONLY")
        [(value,)] = tx.rows(trigger()["query"])
    return float(value)


def test_it_counts_the_chunks_of_current_loads_that_are_not_committed(pipeline: Pipeline) -> None:
    assert missing(pipeline) == 0
    pipeline.load(places="city,county,country\nAyr,Ayrshire,Scotland\nCork,Cork,Ireland\nTenby,Pembrokeshire,Wales\n")
    assert missing(pipeline) == 0
    pipeline.write(people=PEOPLE)
    pipeline.produce(chunk_rows=1)
    assert missing(pipeline) == 4
    pipeline.write(people=PEOPLE.replace("Jean", "Joan"))
    pipeline.produce(chunk_rows=2)
    assert missing(pipeline) == 2  # of the new version; those of the version before count no more
    pipeline.work()
    assert missing(pipeline) == 0


def test_chunks_count_until_they_are_committed_not_until_they_leave_the_queue(pipeline: Pipeline) -> None:
    pipeline.write(people=PEOPLE)
    pipeline.produce(chunk_rows=1)
    pipeline.queue.connection.flushdb()
    assert missing(pipeline) == 4
