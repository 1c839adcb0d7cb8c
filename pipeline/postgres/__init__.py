"""PostgreSQL: the connection, named queries, and the pipeline's own tables."""
