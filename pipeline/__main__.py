"""`pipeline`, or `python -m pipeline`: the commands of pipeline.cli.commands."""

import sys
from contextlib import suppress


def main() -> None:
    if sys.argv[1:2] == ["run"]:
        from pipeline.cli import fork_server

        with suppress(OSError):  # said when stages are to be started
            fork_server.read_modules()  # while this process reads its own
    from pipeline.cli import command
    from pipeline.cli.commands import cli

    command.run(cli, "pipeline")


if __name__ == "__main__":
    main()
