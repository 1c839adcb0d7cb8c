"""PostgreSQL: the connection, named queries, and the pipeline's own tables."""

from pipeline import signals

with signals.held():  # psycopg2 ignores what is raised while it reads ssl, such as a Ctrl-C
    import psycopg2  # noqa: F401
