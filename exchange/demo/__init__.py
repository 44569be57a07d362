"""The demonstration: an exchange with bots that trade through the public interfaces only."""
