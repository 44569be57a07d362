"""What must hold of a state between two commands, checked outside the hot path."""
