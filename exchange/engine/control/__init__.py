"""Control commands: definitions, deposits, parameters, days, timers, state transitions."""
