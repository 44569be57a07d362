"""What the daemon and its child processes share: specification, channel, files, logs."""
