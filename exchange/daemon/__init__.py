"""The daemon.

daemon.py            one run: start, event loop, the core's restarts, end
announcement.py      what it tells people when the exchange is ready
first_start.py       what waits while not everything is compiled
compiler_process.py  the compiler, at a first start
child_processes.py   all child processes, over one selector
child_process.py     one of them
stage_starter.py     starts the stages' processes
restart_policy.py    when a stage outside the core restarts
signal_watch.py      what signals ask for
watchdog.py          which stages hang
service_manager.py   what systemd is told
shutdown.py          the graceful stop
listeners.py         the listening sockets
reload.py            what SIGHUP changes
preflight.py         what is checked before anything starts
descriptor_watch.py  what each process has open
counts.py            recoveries and restarts as counters
placement.py         which stage runs on which CPU
"""
