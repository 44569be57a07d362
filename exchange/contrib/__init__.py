"""What other programs need to use the exchange; nothing in here is used by the exchange itself.

ccxt/   a class for ccxt, in its sync, async and pro flavours
"""
