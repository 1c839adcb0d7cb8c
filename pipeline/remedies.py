"""Remedies in messages: what to do next, in the words of the command that runs."""

import shlex
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Remedies:
    """Parts of messages, the commands that help."""

    forget: str
    forget_command: str  # which the names follow
    produce_again: str
    start_worker: str
    make_tables: str  # after a description, or what its tables hold, has been corrected
    use_own_sql: str  # after SQL of a dataset's own has been corrected


STAGE_BY_STAGE = Remedies(
    forget="--forget NAME",
    forget_command="pipeline forget",
    produce_again="run the producer again",
    make_tables="run `pipeline schema` again",
    use_own_sql="run `pipeline schema`, start the workers again, then run the producer again",
    start_worker="start one with `python -m worker` or `docker-compose up -d worker`;"
    " one that runs needs the same REDIS_URL and QUEUE_NAME",
)
PIPELINE_RUN = Remedies(
    forget="`pipeline forget NAME`",
    forget_command="pipeline forget",
    produce_again="run it again",
    make_tables="run it again",
    use_own_sql="run it again",
    start_worker="the run replaces workers that end; the lines above say why they ended",
)

current = STAGE_BY_STAGE  # `pipeline run` and the processes that it starts set the other


def of_run(state: str | None) -> Remedies:
    """Those of `pipeline run` with this state folder, if it was given one."""
    command = f"pipeline forget --state {shlex.quote(state)}" if state else PIPELINE_RUN.forget_command
    return replace(PIPELINE_RUN, forget=f"`{command} NAME`", forget_command=command)


def is_of_run() -> bool:
    """Whether this process belongs to `pipeline run`, which speaks for all of its processes."""
    return current is not STAGE_BY_STAGE
