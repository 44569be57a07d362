"""What the daemon and its child processes share.

spec.py             the messages between them
channel.py          a stage's channel to the daemon, and its exit status
worker.py           a thread that does one thing at a time
updates.py          changes of the configuration while a stage runs
service.py          what the stages that follow released events have in common
process.py          platform, lock, parent, systemd
journal_lock.py     who may write the journal
logs.py             logs as JSON lines
arguments.py        values of arguments that more than one command line takes
output.py           output that nobody waits for
disk_use.py         what a data directory takes of its disk
release.py          which release this is
releases.py         which releases have run on a data directory
descriptors.py      the limit of open files
signals.py          which signals a process of the exchange ignores
run_file.py         run.json: what runs
configured.py       with which configuration an exchange was started
data_directory.py   what lies where in a data directory
account_models.py   how large the account models of api and store are
capacity_use.py     what is in use of what all share
health.py           whether the exchange works
"""
