"""The `pipeline` command: the whole pipeline on this machine, with servers of its own if none are named."""

import logging
from functools import partial
from pathlib import Path

import click

from pipeline import credentials
from pipeline.cli import command, look, settings
from pipeline.cli.location import LOCATION
from pipeline.cli.numbers import PositiveNumber
from pipeline.cli.terminal import echo
from pipeline.limits import RowLimit
from pipeline.postgres.database import Database
from pipeline.postgres.schema import apply_schema, enable_stage_logins
from pipeline.url import Location
from pipeline.waiting import retry_at_start, retry_transient, start_limit
from pipeline.wording import listed

EXAMPLES = """\b
Examples:
  pipeline run
  pipeline run --data exports --output reports --workers 4
  DATABASE_URL=postgresql://... REDIS_URL=redis://... pipeline run
"""


@click.group(cls=command.Commands, invoke_without_command=True)
@settings.version
@click.pass_context
def cli(context: click.Context) -> None:
    """CSV files to PostgreSQL through a Redis queue: every row accounted for, none lost, none doubled."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
        context.exit(command.USAGE)


@cli.command(epilog=EXAMPLES)
@settings.data_dir
@settings.datasets_dir(expose=True)
@settings.folder("--output", "OUTPUT_DIR", None, "Folder for the reports.  [default: the data folder]")
@settings.reports_dir
@settings.setting(
    "--workers",
    "WORKERS",
    type=PositiveNumber(),
    default=2,
    metavar="N",
    help="Worker processes to start.",
)
@settings.encoding
@settings.chunk_rows
@settings.queue_limit
@settings.drain_timeout
@settings.max_rejects
@settings.max_shrink
@settings.allow_empty
@settings.forget_missing
@settings.dry_run
@settings.rewrite_reports
@settings.database_url(required=False)
@settings.redis_url(required=False)
@settings.queue_name
@settings.state
@settings.start_timeout
@settings.logging_options
def run(
    data: Path,
    datasets: Path | None,
    output: Path | None,
    reports: Path | None,
    workers: int,
    encoding: tuple[str, ...],
    chunk_rows: int | None,
    queue_limit: int,
    drain_timeout: float,
    max_rejects: RowLimit | None,
    max_shrink: RowLimit | None,
    allow_empty: bool,
    forget_missing: bool,
    dry_run: bool,
    rewrite_reports: bool,
    database_url: str | None,
    redis_url: str | None,
    queue_name: str,
    state: Path | None,
) -> int:
    """Load the CSV files of the data folder and write the reports.

    Starts PostgreSQL and Valkey for the run, unless DATABASE_URL and REDIS_URL name servers. Their state stays, so
    a second run loads only what changed.
    """
    from pipeline.cli import run as whole  # reads what no other command needs

    values = {
        "DATA_DIR": data,
        "DATASETS_DIR": datasets,
        "OUTPUT_DIR": output or data,
        "REPORTS_DIR": reports,
        "ENCODING": " ".join(encoding) or None,
        "CHUNK_ROWS": chunk_rows,
        "QUEUE_LIMIT": queue_limit,
        "DRAIN_TIMEOUT": drain_timeout,
        "MAX_REJECTS": max_rejects,
        "MAX_SHRINK": max_shrink,
        "ALLOW_EMPTY": allow_empty,
        "FORGET_MISSING": forget_missing,
        "DRY_RUN": dry_run,
        "REWRITE_REPORTS": rewrite_reports,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "QUEUE_NAME": queue_name,
        "START_TIMEOUT": start_limit(),
    }
    environment = {name: str(value) for name, value in values.items() if value is not None}
    return whole.run(state, workers, environment, settings.logging_arguments())


@cli.command()
@click.argument("sources", nargs=-1, required=True, metavar="NAME...")
@settings.datasets_dir()
@settings.database_url(required=False)
@settings.redis_url(required=False)
@settings.queue_name
@settings.state
@settings.logging_options
def forget(
    sources: tuple[str, ...], database_url: str | None, redis_url: str | None, queue_name: str, state: Path | None
) -> None:
    """Remove all rows of files that were loaded.

    NAME is a file's name in the data folder, such as people.csv.
    """
    from pipeline.cli.run import with_servers
    from pipeline.forgetting import forget as forget_sources  # these two read what no other command needs

    urls = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    with with_servers({name: url for name, url in urls.items() if url}, state, must_exist=True) as environment:
        if not database_url:  # a first run that was stopped at once leaves an embedded server without tables
            retry_transient(partial(apply_schema, Database(environment["DATABASE_URL"], "schema")))
        database = Database(environment["DATABASE_URL"], "producer")
        queue = command.queue_of(database, environment["REDIS_URL"], queue_name)
        echo(*map(str, forget_sources(database, queue, sources)))


@cli.command()
@settings.state
@settings.logging_options
def reset(state: Path | None) -> None:
    """Remove the embedded database and queue, with all rows."""
    from pipeline.embedded import default_folder, servers

    folder = state or default_folder.path()
    left = servers.reset(folder)
    if left is None:
        echo(f"nothing to remove in {folder}")
    elif left:
        echo(f"removed the state in {folder}; left what is not the pipeline's: {', '.join(left)}")
    else:
        echo(f"removed {folder}")


@cli.command()
@click.argument("files", nargs=-1, metavar="[FILE|URL...|FOLDER]", type=LOCATION)
@click.option("--name", metavar="NAME", help="What the one FILE (- for standard input) is called, such as people.csv.")
@click.option("--all", "shows_all", is_flag=True, help="Print every row with a problem, with its line.")
@settings.data_dir
@settings.setting(
    "--encoding",
    "ENCODING",
    multiple=True,
    metavar="[FILE=]NAME",
    help="Encoding of all CSV files, such as latin-1, or of one, such as people-3.csv=latin-1; encodings of earlier"
    " runs are not known here.  [default: utf-8, or utf-16 if a file begins with its mark]",
)
@settings.logging_options
def check(files: tuple[Location, ...], name: str | None, shows_all: bool, data: Path, encoding: tuple[str, ...]) -> int:
    """Show which rows a load would reject.

    Checks the CSV FILEs, or all files of the data folder, without servers. Prints the number of rows of each file, and
    its problems by rule with examples. Exits with 3 if there are problems. Looks up references only in the folder's
    files.
    """
    from inspection.check import check as checked_files  # needs the producer, which not each container's image holds
    from inspection.reports import check_lines, row_line
    from producer.files.encodings import Encodings
    from producer.sources import paths_without_file, warn_of_absent
    from producer.unnamed import warn_of_left_over

    if len(files) == 1 and isinstance(files[0], Path) and files[0].is_dir():
        data, files = files[0], ()
    show_row = (lambda path, bad: echo(row_line(path, bad))) if shows_all else None
    is_good = True
    for found in checked_files(data, files, name, Encodings.parse(encoding), show_row):
        echo(*check_lines(found))
        is_good = is_good and found.is_good
    if not files:
        warn_of_left_over(data)
        warn_of_absent(paths_without_file(data))
    return 0 if is_good else command.PROBLEMS_FOUND


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=LOCATION)
@settings.data_dir
@click.option(
    "--output", metavar="FILE", type=click.Path(path_type=Path), help="[default: datapackage.json in the data folder]"
)
@click.option("--force", is_flag=True, help="Replace a description that is there, and keep it as a .bak file.")
@settings.setting(
    "--encoding",
    "ENCODING",
    multiple=True,
    metavar="[FILE=]NAME",
    help="Encoding of all CSV files, such as latin-1, or of one, such as people-3.csv=latin-1; goes into the"
    " description.  [default: utf-8, or utf-16 if a file begins with its mark]",
)
@settings.logging_options
def describe(
    files: tuple[Location, ...], data: Path, output: Path | None, force: bool, encoding: tuple[str, ...]
) -> None:
    """Describe CSV files in a datapackage.json.

    Reads each FILE of the data folder to its end, and prints each column's type with the reason. If values can be read
    in two ways, the column is a string.
    """
    from inspection.describe import file_kinds  # needs the producer, which not each container's image holds
    from inspection.first_package import check_output, resources, write_package
    from inspection.former_package import written_by_hand
    from producer.files.encodings import Encodings

    output = output or data / "datapackage.json"
    check_output(output, may_replace=force)
    described = resources(file_kinds(data, files, Encodings.parse(encoding)))
    kept = write_package(described, output, may_replace=force)
    for resource in described:
        echo(*resource.lines())
    echo(f"wrote {output}")
    if kept:
        missing = f"; copy from it what still applies: {listed(lost)}" if (lost := written_by_hand(kept)) else ""
        echo(f"the description that was there is {kept}{missing}")


@cli.command()
@settings.data_dir
@settings.datasets_dir()
@settings.setting(
    "--table-schema",
    "TABLE_SCHEMA",
    metavar="NAME",
    help="Schema for tables of datasets, created if missing.  [default: their present one, or the pipeline's own]",
)
@settings.setting(
    "--partition-by",
    "PARTITION_BY",
    type=click.Choice(["source"]),
    help="Give each file a partition, in tables whose rows are known by their position.  [default: as they are]",
)
@click.option("--print", "only_print", is_flag=True, help="Print the SQL without running it.")
@settings.database_url()
@settings.start_timeout
@settings.logging_options
def schema(data: Path, table_schema: str | None, partition_by: str | None, only_print: bool, database_url: str) -> None:
    """Create tables and roles, or update them.

    Makes the tables and roles of schema.sql, and the tables of the datasets that the data folder's datapackage.json
    describes, or else of the project's. Refuses a change that would lose or reinterpret data. You can run it again at
    any time.

    With STAGE_PASSWORD, or a file that STAGE_PASSWORD_FILE names, the roles pipeline_producer, pipeline_worker,
    pipeline_exporter and pipeline_monitor can log in with that password.
    """
    password = credentials.from_environment("STAGE_PASSWORD")  # without a flag: those stand in lists of processes
    from pipeline.tables import described  # reads what no other command needs

    database = Database(database_url, "schema")
    retry_at_start(database.connect, "DATABASE_URL")
    wanted = described.wanted_tables(data, table_schema, partition_by_source=partition_by == "source")
    if only_print:
        echo(*described.script(database, wanted).splitlines())
        return
    changed = described.bring_up_to_date(database, wanted)
    if password:
        enable_stage_logins(database, password)
    names = ", ".join(dataset.name for dataset in wanted.datasets)
    state = "has the tables of schema.sql and of" if changed else "is up to date with schema.sql and"
    logging.getLogger("pipeline").info("%s %s %s", database.address, state, names)


cli.add_command(look.status)
cli.add_command(look.psql)
