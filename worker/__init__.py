"""Second stage: takes chunks off the queue and loads each in one transaction."""

import pipeline  # noqa: F401 (first, since it answers Ctrl-C while other modules are read)
