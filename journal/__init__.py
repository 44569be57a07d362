"""Write-ahead journal and event archive: segments, frames, group commit, recovery."""
