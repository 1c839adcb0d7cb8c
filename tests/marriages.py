"""The worked example of docs/extending.md: a description, a file, and SQL of the dataset's own."""

import re
from pathlib import Path

from pipeline import PROJECT

TEXT = (PROJECT / "docs" / "extending.md").read_text(encoding="utf-8")
[MARRIAGES] = re.findall(r"```csv\n(.*?)```", TEXT, re.DOTALL)
[EXAMPLES, PACKAGE] = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
[SQL, REPORT] = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)
HEADER = MARRIAGES.splitlines()[0] + "\n"


def write_package(data: Path) -> None:
    (data / "datapackage.json").write_text(PACKAGE, encoding="utf-8")


def write_sql(folder: Path, text: str = SQL) -> Path:
    """A folder of SQL with that of marriages."""
    folder.mkdir(exist_ok=True)
    (folder / "marriages.sql").write_text(text, encoding="utf-8")
    return folder
