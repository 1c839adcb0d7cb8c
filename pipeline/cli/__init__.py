"""The command line: settings, logs, progress, and the processes of a run."""
