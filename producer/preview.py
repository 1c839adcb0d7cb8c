"""What a run would do with the tables, found out before anything is sealed, by the code that would do it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.csv_text.rows import SourceRows
from pipeline.datasets.loader import DatasetLoader
from pipeline.datasets.outcome import Stored
from pipeline.datasets.pending import Pending
from pipeline.datasets.rejecting import rejected_rows
from pipeline.datasets.settled import SettledTable
from pipeline.descriptions.description import is_settled, others_referred_to
from pipeline.ledger import ledger
from pipeline.ledger.chunk import ChunkPlan, Claim
from pipeline.ledger.load import KnownSource
from pipeline.ledger.row_places import RowPlaces
from pipeline.postgres.queries import Queries
from pipeline.postgres.transaction import Transaction
from pipeline.tables.registry import recorded_tables
from producer.files.content import OpenedFiles
from producer.forecast import Forecast, Limits, broken_limit, could_break
from producer.scanned import Scanned, bytes_of

PREVIEWED = Path(__file__).with_name("previewed.sql")  # what previews tell each other


class Preview:
    """Previews versions one after the other, in one transaction; what an earlier one would load counts as loaded."""

    def __init__(
        self, tx: Transaction, contents: OpenedFiles, known: dict[str, KnownSource], versions: Sequence[Scanned]
    ) -> None:
        self._tx = tx
        self._contents = contents
        self._known = known
        self._versions = versions
        self._numbers = {version.name: number for number, version in enumerate(versions)}
        names = {version.name for version in versions}
        self._loading = {chunk.source for chunk in ledger.missing_chunks(tx)} - names
        self._referred_to = {name for version in versions for name in others_referred_to(version.dataset)}
        self._keeping = ledger.loads_that_keep_rows(tx).keys()
        self._recorded = recorded_tables(tx)
        self._datasets = {version.dataset.name for version in versions}
        self._loaders = {version.description_sha256: self._loader(version) for version in versions}
        self._settled: dict[str, Forecast] = {}  # by source, of datasets whose rows are settled together
        for loader in self._loaders.values():
            queries = Queries(PREVIEWED, loader.names)
            tx.run(queries["prepare_keyed" if loader.dataset.primary_key else "prepare_positional"])

    def exact(self) -> Iterator[Forecast]:
        """What a run would do with each version."""
        for version in self._versions:
            yield self._forecast(version, limits=None)

    def judged(self, limits: Limits) -> Iterator[tuple[Forecast, str | None]]:
        """Versions, each with the limit that it breaks, if any; no more is read than it takes to decide.

        Only what would replace loaded rows is checked, and first what its rows refer to.
        """
        replacing = {version.name: version for version in self._versions if version.plan and self._loaded_rows(version)}
        referred = {name for version in replacing.values() for name in others_referred_to(version.dataset)}
        for version in self._versions:
            if version.name in replacing:
                forecast = self._forecast(version, limits)
                yield forecast, broken_limit(forecast, limits)
            elif version.dataset.name in referred:
                self._forecast(version, limits=None)

    def _loader(self, version: Scanned) -> DatasetLoader:
        """It takes unknown references for good if others are loading what they may name."""
        loading = {self._known[source].dataset for source in self._loading if source in self._known}
        return DatasetLoader(
            version.dataset,
            version.description_sha256,
            self._recorded,
            previewed=self._datasets,
            references_may_come=not loading.isdisjoint(others_referred_to(version.dataset)),
        )

    def _loaded_rows(self, version: Scanned) -> int:
        known = self._known.get(version.name)
        return self._loaders[version.description_sha256].table.loaded_rows(self._tx, known.id) if known else 0

    def _has_removable_rows(self, version: Scanned) -> bool:
        """Whether the run would load the last chunk again, since rows may go that were kept for others."""
        known = self._known[version.name]
        return self._loaders[version.description_sha256].has_removable_rows(self._tx, known.id, known.load)

    def _forecast(self, version: Scanned, limits: Limits | None) -> Forecast:
        """Exact without limits; with limits it ends as soon as none of them can be broken any more."""
        loader = self._loaders[version.description_sha256]
        table = loader.table
        if isinstance(table, SettledTable):
            if version.name not in self._settled:
                self._settled |= self._settled_forecasts(loader, table)
            return self._settled[version.name]
        forecast = Forecast(version.name, version.dataset.name, version.row_count, self._loaded_rows(version))
        claims = list(self._open_chunks(version))
        rows_left = sum(claim.row_count for _, claim in claims)
        forecast.unchanged = version.row_count - rows_left
        # Rows of one key, and rows that others refer to, are known by comparing them alone.
        is_referred_to = version.dataset.name in self._referred_to
        is_compared = limits is None or is_referred_to or bool(version.dataset.primary_key)
        with self._contents.opened(version.source, version.encoding) as content:
            for chunk, claim in claims:
                rows = loader.rows(claim, bytes_of(version, content.file, chunk))
                resolved = loader.resolve(self._tx, claim, rows)
                rows_left -= claim.row_count
                if is_compared:
                    forecast.add(table.compare(self._tx, claim, resolved, rows))
                else:
                    forecast.reject(resolved.rejected)
                if limits and not is_referred_to and not could_break(forecast, rows_left, limits):
                    break
        return forecast

    def _settled_forecasts(self, loader: DatasetLoader, table: SettledTable) -> dict[str, Forecast]:
        """Exact ones of all versions of a dataset."""
        table.prepare(self._tx)
        pending: list[Pending] = []
        forecasts: dict[str, Forecast] = {}
        opened: dict[int, tuple[Scanned, list[tuple[ChunkPlan, Claim]]]] = {}  # by id of the source
        newest = max((known.load for known in self._known.values()), default=0)
        versions = [version for version in self._versions if version.dataset.name == loader.dataset.name]
        for number, version in enumerate(versions, 1):
            chunks = list(self._open_chunks(version))
            forecast = forecasts[version.name] = Forecast(
                version.name, version.dataset.name, version.row_count, self._loaded_rows(version)
            )
            forecast.unchanged = version.row_count - sum(claim.row_count for _, claim in chunks)
            for claim, rows in self._rows(loader, version, chunks):
                resolved = loader.resolve(self._tx, claim, rows)
                forecast.reject(resolved.rejected)
                table.copy(self._tx, resolved.lines)
            if chunks:
                source_id = chunks[0][1].source_id
                opened[source_id] = version, chunks
                load = newest + number if version.plan else self._known[version.name].load
                first_rows = [claim.first_row for _, claim in chunks]
                pending.append(Pending(source_id, load, version.row_count, first_rows))
        settled = table.settled(self._tx, pending)
        for source_id, counts in table.changes(self._tx).items():
            forecasts[opened[source_id][0].name].add(Stored(*counts, deleted=0, rejected=()))
        for source_id, (gone, _) in settled.gone.items():
            forecasts[opened[source_id][0].name].deleted += gone
        names = {source_id: version.name for source_id, (version, _) in opened.items()}
        plans = {source_id: version.plan.chunks for source_id, (version, _) in opened.items() if version.plan}
        places = RowPlaces(self._tx, plans)
        for source_id, (version, chunks) in opened.items():
            for chunk, claim in chunks:
                end = claim.first_row + claim.row_count
                if broken := table.refused(self._tx, source_id, claim.first_row, end, places, names):
                    for _, rows in self._rows(loader, version, [(chunk, claim)]):
                        forecasts[version.name].reject(rejected_rows(rows, broken))
        table.enter_previewed(self._tx)
        return forecasts

    def _rows(
        self, loader: DatasetLoader, version: Scanned, chunks: list[tuple[ChunkPlan, Claim]]
    ) -> Iterator[tuple[Claim, SourceRows]]:
        with self._contents.opened(version.source, version.encoding) as content:
            for chunk, claim in chunks:
                yield claim, loader.rows(claim, bytes_of(version, content.file, chunk))

    def _open_chunks(self, version: Scanned) -> Iterator[tuple[ChunkPlan, Claim]]:
        """The chunks of a version that are not loaded as they are, or may be loaded again for their rejected rows."""
        known = self._known.get(version.name)
        is_compared_whole = bool(version.dataset.primary_key) or is_settled(version.dataset)
        chunks_before = dict(ledger.chunks(self._tx, known.load)) if known else {}
        header = ledger.header(self._tx, known.load) if known else ((), "")
        if version.plan is None:
            chunks = list(chunks_before)
            loaded = {chunk for chunk, rejected in chunks_before.items() if rejected == 0}
            is_keeping = version.name in self._keeping
            if is_settled(version.dataset):
                first = next((number for number, chunk in enumerate(chunks) if chunk not in loaded), len(chunks))
                if is_keeping and self._has_removable_rows(version):
                    first = min(first, len(chunks) - 1)
                loaded = set(chunks[:first])
            elif version.dataset.primary_key and (is_keeping or len(loaded) < len(chunks)):
                loaded = set()  # a row may be rejected for the key of any other, and rows that were kept may go
        else:
            chunks = list(version.plan.chunks)
            same_form = header == (version.plan.columns, version.plan.delimiter) and (
                known is not None and known.description_sha256 == version.description_sha256
            )
            stay = {_content(chunk) for chunk, rejected in chunks_before.items() if rejected == 0}
            header = (version.plan.columns, version.plan.delimiter)
            is_kept = same_form and not is_compared_whole
            loaded = {chunk for chunk in chunks[:-1] if is_kept and _content(chunk) in stay}
        for chunk in chunks:
            if chunk not in loaded:
                yield (
                    chunk,
                    Claim(
                        source=version.name,
                        dataset=version.dataset.name,
                        columns=header[0],
                        delimiter=header[1],
                        load=known.load if known and version.plan is None else 0,
                        number=chunk.number,
                        source_id=known.id if known else -1 - self._numbers[version.name],
                        first_row=chunk.first_row,
                        last_row=None if chunk is chunks[-1] else chunk.first_row + chunk.row_count - 1,
                        first_line=chunk.first_line,
                        row_count=chunk.row_count,
                        sha256=chunk.sha256,
                        description_sha256=version.description_sha256,
                    ),
                )


def _content(chunk: ChunkPlan) -> tuple[int, int, str]:
    """What chunks of two versions have in common if they hold the same rows; see seal.sql."""
    return chunk.first_row, chunk.row_count, chunk.sha256
