"""The bodies of the child processes, one file a process, and the compiler before them."""
