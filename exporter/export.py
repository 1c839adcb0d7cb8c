"""All reports, from one snapshot of complete loads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from exporter import manifest
from exporter.output import temporary_folder
from exporter.publish import publish
from exporter.report import PAGE, Report, check_sources, of_present_datasets
from exporter.write import Failure, write_all
from pipeline.errors import PipelineError
from pipeline.ledger import ledger
from pipeline.ledger.load import LoadProgress, RejectedKind
from pipeline.limits import RowLimit
from pipeline.postgres.database import Database
from pipeline.rejects import check_rejects

REJECTS_OUTCOME = (
    "the good rows are loaded; the reports are as they were; standard output has the commonest reasons, the table"
    " rejected_rows lists all, and so does rejected_rows.csv after a run with a higher limit"
)
COMMONEST = 3  # kinds of faults that the exporter names


@dataclass(frozen=True)
class Exported:
    """The reports, and what became of the rows that they are about."""

    files: list[Path]  # written: reports by name, then their page
    failures: list[Failure]  # reports that were not
    up_to_date_since: datetime | None  # when they were written before, if nothing has changed since
    loads: list[LoadProgress]
    rejected_kinds: list[RejectedKind]  # the commonest


def export(
    database: Database,
    reports: Sequence[Report],
    output: Path,
    max_rejects: RowLimit | None = None,
    *,
    rewrite: bool = False,
) -> Exported | None:
    """Writes the reports of datasets that there are, and their page, from one snapshot.

    Reports that are up to date are left, except with `rewrite`. None, and nothing written, if the snapshot holds a load
    that is not complete. The files are replaced after all of them were written and synced: a reader never sees half of
    one. PipelineError (the folder is at fault), SettingsError (a report has a source's name) and TooManyRejectsError
    leave the previous ones. So does a report whose query fails, with its own file; it is written again next time.
    """
    try:
        with temporary_folder(output) as folder:
            with database.transaction(snapshot=True) as tx:
                reports = of_present_datasets(tx, reports)
                check_sources(tx, reports)
                if ledger.missing_chunks(tx):
                    return None
                loads = ledger.progress(tx)
                kinds = ledger.rejected_kinds(tx, COMMONEST)
                if max_rejects:
                    rejected, read = sum(load.rejected for load in loads), sum(load.row_count for load in loads)
                    check_rejects(rejected, read, max_rejects, REJECTS_OUTCOME, kinds, loads)
                input_digest = manifest.input_digest(tx, reports)
                files = [output / name for name in (*(report.name for report in reports), PAGE)]
                if not rewrite and (since := manifest.written_at(output, input_digest, files)):
                    return Exported(files, [], since, loads, kinds)
                outcomes = write_all(database, tx.shared_snapshot(), folder, reports)
            failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
            written = [outcome for outcome in outcomes if isinstance(outcome, Path)]
            publish(folder, written, {failure.name for failure in failures}, input_digest, output)
            return Exported([output / path.name for path in written], failures, None, loads, kinds)
    except OSError as error:
        raise PipelineError(
            f"OUTPUT_DIR: cannot write into '{output}': {error.strerror}; the previous reports are as they were;"
            " free some space or name another folder, and run it again"
        ) from error
