"""Remedies in messages: what to do next, in the words of the command that runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Remedies:
    """Parts of messages, the commands that help."""

    forget: str
    produce_again: str
    start_worker: str
    make_tables: str  # after a description, or what its tables hold, has been corrected
    use_own_sql: str  # after SQL of a dataset's own has been corrected


STAGE_BY_STAGE = Remedies(
    forget="--forget NAME",
    produce_again="run the producer again",
    make_tables="run `pipeline schema` again",
    use_own_sql="run `pipeline schema`, start the workers again, then run the producer again",
    start_worker="start one with `python -m worker` or `docker-compose up -d worker`;"
    " one that runs needs the same REDIS_URL and QUEUE_NAME",
)
PIPELINE_RUN = Remedies(
    forget="`pipeline forget NAME`",
    produce_again="run it again",
    make_tables="run it again",
    use_own_sql="run it again",
    start_worker="the run replaces workers that end; the lines above say why they ended",
)

current = STAGE_BY_STAGE  # `pipeline run` and the processes that it starts set the other


def is_of_run() -> bool:
    """Whether this process belongs to `pipeline run`, which speaks for all of its processes."""
    return current is PIPELINE_RUN
