"""The core's shared memory: its cursors, its region, its counters, and how events are followed."""
