"""The status on a terminal: tables, bars and colours, drawn again and again while it is watched."""

from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.cli.terminal import printable
from pipeline.status.lines import headline, queue_line, server_line, shown_loads
from pipeline.status.shown import LoadStatus, Status
from pipeline.wording import NAMED_AT_MOST, counted, duration

COLOURS = {"idle": "bold green", "running": "bold cyan", "failed": "bold red", "unreachable": "bold red"}
BAR_WIDTH = 16  # characters
MEASURED_WIDTH = 10_000  # characters


def show(status: Status) -> None:
    """Draws the status once."""
    draw(status, Console())


def draw(status: Status, console: Console) -> None:
    """Draws the status on a console, as wide as it is."""
    console.print(_screen(status, console))


def watch(read: Callable[[], Status], wait: Callable[[], None]) -> None:
    """Draws the status again after each `wait`, until an exception ends it."""
    console = Console()
    with Live(_screen(read(), console), console=console, auto_refresh=False) as live:
        while True:
            wait()
            live.update(_screen(read(), console), refresh=True)


def _screen(status: Status, console: Console) -> Group:
    parts: list[RenderableType] = [_text(headline(status), COLOURS[status.state]), _loads(status, console)]
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


def _loads(status: Status, console: Console) -> RenderableType:
    shown = shown_loads(status)
    table = _fitting({name: [cell(load) for load in shown] for name, cell in LOAD_COLUMNS.items()}, console)
    if (more := len(status.loads) - len(shown)) > 0:
        return Group(table, _text(f"and {counted(more, 'more file')}; --json lists them", "dim"))
    return table


def _fitting(columns: dict[str, list[RenderableType]], console: Console) -> Table:
    """The columns as a table. If it is wider than the console, columns are left out: empty ones first."""
    empty = [name for name, cells in columns.items() if not any(cells)]
    unbounded = console.options.update(max_width=MEASURED_WIDTH)  # else no table is wider than the console
    for name in (*empty, *DISPENSABLE):
        table = _table_of(columns)
        if console.measure(table, options=unbounded).maximum <= console.width:
            return table
        columns = {other: cells for other, cells in columns.items() if other != name}
    return _table_of(columns)


def _table_of(columns: dict[str, list[RenderableType]]) -> Table:
    table = _table(*columns, texts=len({"file", ""} & columns.keys()))
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def _bar(load: LoadStatus) -> RenderableType:
    if load.state != "loading":
        return _text("complete", "green")
    return ProgressBar(total=max(load.rows, 1), completed=load.committed_rows, width=BAR_WIDTH)


def _count(count: int, style: str = "") -> RenderableType:
    return _text(f"{count:,}", style) if count else ""


def _rows(load: LoadStatus) -> str:
    return f"{load.committed_rows:,} of {load.rows:,}" if load.state == "loading" else f"{load.rows:,}"


def _speed(load: LoadStatus) -> str:
    return f"{load.rows_per_second:,.0f}" if load.rows_per_second and load.rows_per_second >= 1 else ""


def _time_left(load: LoadStatus) -> str:
    return duration(load.seconds_left) if load.seconds_left is not None else ""


LOAD_COLUMNS: dict[str, Callable[[LoadStatus], RenderableType]] = {
    "file": lambda load: _text(load.source),
    "": _bar,
    "rows": _rows,
    "rows/s": _speed,
    "left": _time_left,
    "inserted": lambda load: _count(load.inserted),
    "updated": lambda load: _count(load.updated),
    "unchanged": lambda load: _count(load.unchanged),
    "rejected": lambda load: _count(load.rejected, "red"),
    "deleted": lambda load: _count(load.deleted, "yellow"),
}
DISPENSABLE = ("rows/s", "left", "")  # on a narrow terminal: the headline and the rows say much the same


def _workers(status: Status) -> Table:
    table = _table("worker", "current chunk", "chunks", "rows")
    for worker in status.workers[:NAMED_AT_MOST]:
        in_hand = _text(worker.job or worker.state, "cyan" if worker.state == "busy" else "dim")
        if worker.error:
            in_hand.append("\n").append_text(_text(f"last error: {worker.error}", "red"))
        counts = ("–", "–") if status.postgresql.error else (f"{worker.chunks:,}", f"{worker.rows:,}")
        table.add_row(_text(worker.name), in_hand, *counts)
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


def _table(*names: str, texts: int = 2) -> Table:
    """Texts on the left in so many columns, numbers on the right in the others."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for position, name in enumerate(names):
        table.add_column(name, justify="left" if position < texts else "right", overflow="fold")
    return table


def _text(text: str, style: str = "") -> Text:
    """Text as it is: no markup of rich in it, and nothing that steers the terminal."""
    return Text(printable(text), style=style)
