"""Whatever somebody else writes into the queue is refused and recorded; nothing of it runs, and no worker stops."""

import json
import os
import pickle
import re
import socket
import subprocess
import sys
import time
import zlib
from base64 import b64encode
from pathlib import Path
from typing import Any

from rq.utils import now as rq_now
from rq.utils import utcformat

from pipeline import PROJECT
from tests.faults.conftest import Run
from tests.support import wait_until

QUEUE = "rq:queue:chunks"


class Shell:
    """What runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (self.command,)


def call(
    name: str = "load_chunk", *, instance: object = None, args: tuple[object, ...] = (), **kwargs: object
) -> bytes:
    return json.dumps([name, instance, args, kwargs]).encode()


def job(data: bytes, **fields: object) -> dict[str, object]:
    """The fields of a job as RQ writes them."""
    fresh = {"created_at": utcformat(rq_now()), "status": "queued", "origin": "chunks", "timeout": 60, "data": data}
    return fresh | fields


def forgeries(touch: str, webhook: str, load: int) -> dict[str, dict[str, object]]:
    """Jobs by id; each would run `touch`, call the webhook, end a worker or keep it busy if it were believed."""
    good: dict[str, Any] = {"load": load, "number": 100, "text": "Jean,Kerr,1901-02-03,Ayr\n"}
    pickled = pickle.dumps(Shell(touch))
    nested = b"[" * 100_000
    return {
        "function": job(call("os.system", args=(touch,))),
        "compressed-function": job(zlib.compress(call("os.system", args=(touch,)))),
        "method": job(call("upper", instance="text")),
        "attribute": job(call("load_chunk.__globals__", **good)),
        "success-callback": job(call(**good), success_callback_name="antigravity.geohash"),
        "failure-callback": job(call(**good), failure_callback_name="os.system"),
        "stopped-callback": job(call(**good), stopped_callback_name="os.system"),
        "webhook": job(
            call(**good),
            webhooks=json.dumps([{"url": webhook, "job_status": status, "method": "GET", "timeout": 5, "headers": None}
                                 for status in ("finished", "failed")]),
        ),
        "pickled-data": job(pickled),
        "compressed-pickled-data": job(zlib.compress(pickled)),
        "pickled-meta": job(call(**good), meta=pickled),
        "bomb": job(zlib.compress(bytes(1 << 28), level=1)),
        "nested": job(nested),
        "not-a-list": job(b'{"func": "load_chunk"}'),
        "status": job(call(**good), status="bogus"),
        "timeout": job(call(**good), created_at="yesterday"),
        "retries": job(call(**good), retries_left="many"),
        "worker-name": job(call(**good), worker_name=b"\xff\xfe"),
        "no-data": {"status": "queued"},
        "no-load": job(call(**good | {"load": 987_654_321})),
        "no-chunk": job(call(**good | {"number": 987_654_321})),
        "huge-number": job(call(**good | {"load": 10**400})),
        "sql": job(call(**good | {"load": "1; DROP TABLE people"})),
        "boolean": job(call(**good | {"number": True})),
        "missing-argument": job(call(load=load, number=1)),
        "more-arguments": job(call(**good, more=1)),
        "positional": job(call(args=(load, 1, "text"))),
        "surrogate": job(call(**good | {"text": "\ud800"})),
        "dependency": job(call(**good), dependency_ids=json.dumps(["function"])),
        "repeat": job(call(**good), repeats_left=1000, repeat_intervals="[0]"),
        "rate-limit": job(call(**good), rate_limit_key="key", rate_limit_concurrency=1),
        "other-text-for-ever": job(call(**good), retries_left=10**9),
    }  # fmt: skip


TEXT_UNKNOWN = "the job does not hold the text that the ledger knows$"
CHUNK_UNKNOWN = "^the ledger has no chunk "


def test_forged_jobs_are_refused_and_recorded_and_stop_no_worker(run: Run, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        run.start_workers()
        workers = [worker.pid for worker in run.workers]
        producer, exporter = run.produce(), run.export()
        run.wait_for_chunks(10)
        load = run.value("SELECT max(id) FROM loads")
        webhook = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with run.stopped_inside_the_transaction():
            forged = forgeries(f"touch '{marker}'", webhook, load)
            for name, fields in forged.items():
                run.redis.hset(f"rq:job:{name}", mapping=fields)  # type: ignore[arg-type]
                run.redis.lpush(QUEUE, name)
            for entry in (b"\xff\xfe", b"a:b", b"../x y", b"x" * 1000, b"without-a-job", b"string"):
                run.redis.lpush(QUEUE, entry)
                run.redis.lpush(f"{QUEUE}:intermediate", entry)
            run.redis.set("rq:job:string", "not a hash")
            forge_abandoned(run, f"touch '{marker}'")
        wait_until(lambda: run.pipeline.queue.state().failed.keys() >= forged.keys() | {"abandoned"}, timeout=60)
        info = rq_info(run)
        assert "4 workers, 1 queues" in info
        for name in forged:
            reason = run.pipeline.queue.failure(name)
            is_call = name in ("surrogate", "other-text-for-ever")  # as the producer writes it, but for the text
            expected = TEXT_UNKNOWN if is_call else f"job {name} is refused: |{CHUNK_UNKNOWN}"
            assert re.search(expected, reason), f"{name}: {reason}"
        assert [worker.pid for worker in run.workers if worker.poll() is None] == workers, "a worker has ended"
        assert not marker.exists()
        try:
            listener.accept()
        except BlockingIOError:
            pass
        else:
            raise AssertionError("the webhook was called")
        said = [line for worker in run.workers for line in stop(worker).splitlines()]
        run.workers.clear()
        assert not [line for line in said if "start again" in line or "Traceback" in line]
        run.redis.delete("rq:failed:chunks")
        run.start_workers()
        run.finish(producer, exporter)
        run.check_first_load()


def stop(worker: "subprocess.Popen[str]") -> str:
    worker.terminate()
    _, err = worker.communicate(timeout=10)
    assert worker.returncode == 0, err
    return err


def test_keys_that_are_in_the_way_keep_no_abandoned_chunk_from_being_reclaimed(run: Run) -> None:
    """What RQ's maintenance and its bookkeeping of a job would stumble over, each time anew."""
    run.load_places()
    assert run.produce(QUEUE_LIMIT="1000").wait(60) == 0
    run.redis.set("rq:clean_registries:chunks", 1)
    run.redis.sadd("rq:workers:chunks", b"\xff")
    first, *others = run.queued()[:5]
    run.redis.zadd("rq:scheduled:chunks", {first: time.time() + 1e6})
    for job_id in (first, *others):
        run.redis.set(b"rq:executions:" + job_id, "x")
        run.redis.set(b"rq:job:" + job_id + b":dependents", "x")
    run.redis.lrem(QUEUE, 1, first)  # type: ignore[arg-type]
    run.redis.hset(b"rq:job:" + first, "status", "started")
    run.redis.zadd("rq:wip:chunks", {first + b":execution": time.time() - 1})
    run.start_workers()
    run.finish(run.produce(), run.export())
    run.check_first_load()


def test_a_forged_result_runs_nothing_in_the_exporter_and_costs_it_no_memory(run: Run, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    assert run.produce(QUEUE_LIMIT="1000").wait(60) == 0
    forged = {
        b"return_value": b64encode(pickle.dumps(Shell(f"touch '{marker}'"))),
        b"exc_string": b64encode(zlib.compress(bytes(1 << 28), level=1)),
        b"type": b"2",
        b"created_at": b"inf",
    }
    first = run.queued()[0]
    run.redis.delete(QUEUE)
    run.redis.zadd("rq:failed:chunks", {first: time.time() + 1000})
    run.redis.xadd(b"rq:results:" + first, forged)  # type: ignore[arg-type]
    exporter = run.export()
    _, err = exporter.communicate(timeout=60)
    assert exporter.returncode == 1
    assert re.search(r"\"places.csv chunk 1 .* failed every time: ", err)
    assert not marker.exists()
    run.start_workers()
    run.finish(run.produce(), run.export())
    run.check_first_load()


def forge_abandoned(run: Run, touch: str) -> None:
    """An execution that has expired, of a job whose meta runs a command when it is unpickled, and broken entries."""
    fields = job(b"x", status="started", meta=pickle.dumps(Shell(touch)), failure_callback_name="os.system")
    run.redis.hset("rq:job:abandoned", mapping=fields)  # type: ignore[arg-type]
    past = time.time() - 1
    run.redis.zadd("rq:wip:chunks", {b"abandoned:execution": past, b"no-execution": past, b"\xff:\xfe": past})


def rq_info(run: Run) -> str:
    """`rq info` as the README has it."""
    ended = subprocess.run(
        [sys.executable, "-m", "rq.cli", "info"],
        cwd=PROJECT,
        env={
            **run.commands.services.environment,
            "RQ_REDIS_URL": run.commands.services.redis_url,
            "RQ_QUEUE_CLASS": "pipeline.queue.RqChunkQueue",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_rq_info_unpickles_nothing_of_a_forged_job(run: Run, tmp_path: Path) -> None:
    """It looks after abandoned jobs itself; without a worker, it is the first to meet this one."""
    marker = tmp_path / "marker"
    forge_abandoned(run, f"touch '{marker}'")
    run.redis.zrem("rq:wip:chunks", "no-execution", b"\xff:\xfe")
    run.redis.sadd("rq:queues", QUEUE)
    assert "chunks" in rq_info(run)
    assert not marker.exists()
    assert not run.redis.zcard("rq:wip:chunks")
