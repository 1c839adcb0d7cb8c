"""How a process has ended, in words."""

import signal


def describe_end(code: int | None) -> str:
    """`code` is negative for a signal, and None if only the parent of the process knows it."""
    if code is None:
        return "has ended"
    if code < 0:
        return f"was ended by signal {-code} ({signal.strsignal(-code)})"
    return f"ended with exit code {code}"
