"""Order entry: SoupBinTCP 3.00 sessions and OUCH 4.2 messages."""
