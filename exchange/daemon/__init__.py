"""The daemon: child processes, who restarts when, shutdown, watchdog, listeners, CPUs."""
