"""What the matcher remembers and what it says: tables, pointers, events, snapshots."""
