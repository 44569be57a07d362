"""The wire protocol of order entry: packets, messages, and access to their bytes.

soupbintcp.py   the packets of SoupBinTCP
ouch.py         the messages of OUCH
wire.py         unaligned loads and stores
"""
