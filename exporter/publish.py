"""Publishing: new reports replace the previous ones, and a manifest records their input."""

from collections.abc import Collection, Sequence
from pathlib import Path

from exporter import manifest
from exporter.output import replace


def publish(folder: Path, written: Sequence[Path], failed: Collection[str], input_digest: str, output: Path) -> None:
    """Moves the reports written in `folder` into `output`, and then the manifest, which vouches for them.

    If reports have `failed`, the manifest keeps their previous files as the exporter's own, and never says that the
    reports are up to date.
    """
    owned = {manifest.NAME, *manifest.written_names(output)}
    earlier = manifest.earlier_names(output, {*failed, *(path.name for path in written)})
    previous = [output / name for name in sorted(owned & set(failed)) if (output / name).is_file()]
    last = manifest.write(folder, None if failed else input_digest, [*written, *previous], earlier)
    replace([*written, last], output, owned)
