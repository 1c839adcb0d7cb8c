"""The status on a terminal: tables, bars and colours, drawn again and again while it is watched."""

from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.cli.terminal import printable
from pipeline.status.lines import headline, queue_line, server_line, shown_loads
from pipeline.status.status import LoadStatus, Status
from pipeline.wording import NAMED_AT_MOST, counted, duration

COLOURS = {"idle": "bold green", "running": "bold cyan", "failed": "bold red", "unreachable": "bold red"}
BAR_WIDTH = 16  # characters


def show(status: Status) -> None:
    """Draws the status once."""
    Console().print(_screen(status))


def watch(read: Callable[[], Status], wait: Callable[[], None]) -> None:
    """Draws the status again after each `wait`, until an exception ends it."""
    with Live(_screen(read()), console=Console(), auto_refresh=False) as live:
        while True:
            wait()
            live.update(_screen(read()), refresh=True)


def _screen(status: Status) -> Group:
    parts: list[RenderableType] = [_text(headline(status), COLOURS[status.state]), _loads(status)]
    parts.append(
        _text(f"queue: {queue_line(status)}", "yellow" if not status.workers and status.state == "running" else "")
    )
    if status.workers:
        parts.append(_workers(status))
    if status.failed_chunks:
        parts.append(_failed(status))
    if status.rejected_rules:
        parts.append(_rejected(status))
    for name, server in (("PostgreSQL", status.postgresql), ("Redis", status.redis)):
        parts.append(_text(f"{name}: {server_line(server)}", "red" if server.error else "dim"))
    return Group(*parts)


def _loads(status: Status) -> RenderableType:
    table = _table("file", "", "rows", "rows/s", "left", "inserted", "updated", "unchanged", "rejected", "deleted")
    shown = shown_loads(status)
    for load in shown:
        counts = (load.inserted, load.updated, load.unchanged, load.rejected, load.deleted)
        table.add_row(
            _text(load.source),
            _bar(load),
            f"{load.committed_rows:,} of {load.rows:,}" if load.state == "loading" else f"{load.rows:,}",
            f"{load.rows_per_second:,.0f}" if load.rows_per_second and load.rows_per_second >= 1 else "",
            duration(load.seconds_left) if load.seconds_left is not None else "",
            *(f"{count:,}" if count else "" for count in counts[:3]),
            _text(f"{load.rejected:,}", "red") if load.rejected else "",
            _text(f"{load.deleted:,}", "yellow") if load.deleted else "",
        )
    if (more := len(status.loads) - len(shown)) > 0:
        return Group(table, _text(f"and {counted(more, 'more file')}; --json lists them", "dim"))
    return table


def _bar(load: LoadStatus) -> RenderableType:
    if load.state != "loading":
        return _text("complete", "green")
    return ProgressBar(total=max(load.rows, 1), completed=load.committed_rows, width=BAR_WIDTH)


def _workers(status: Status) -> Table:
    table = _table("worker", "current chunk", "chunks", "rows")
    for worker in status.workers[:NAMED_AT_MOST]:
        in_hand = _text(worker.job or worker.state, "cyan" if worker.state == "busy" else "dim")
        table.add_row(_text(worker.name), in_hand, f"{worker.chunks:,}", f"{worker.rows:,}")
    return table


def _failed(status: Status) -> Table:
    table = _table("failed chunk", "error", "rows", "tries")
    for chunk in status.failed_chunks[:NAMED_AT_MOST]:
        name = _text(f"{chunk.source} chunk {chunk.chunk}", "red")
        table.add_row(name, _text(chunk.error), f"{chunk.rows:,}", f"{chunk.attempts:,}")
    return table


def _rejected(status: Status) -> Table:
    table = _table("rejected rows of", "rule", "rows", "first line")
    for rule in status.rejected_rules[:NAMED_AT_MOST]:
        table.add_row(_text(rule.source), _text(rule.rule), f"{rule.rows:,}", f"{rule.line:,}")
    return table


def _table(*names: str) -> Table:
    """Texts on the left in the first two columns, numbers on the right in the others."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for position, name in enumerate(names):
        table.add_column(name, justify="left" if position < 2 else "right", overflow="fold")
    return table


def _text(text: str, style: str = "") -> Text:
    """Text as it is: no markup of rich in it, and nothing that steers the terminal."""
    return Text(printable(text), style=style)
