"""What leaves the disk, and where it goes first: old journal, archive, snapshots, logs.

rules.py        what may go: a pure function
pruning.py      what there is in a data directory, and removing what may go
places.py       where these may be shipped to
shipping.py     copies of segments that leave
logs.py         rotation of the log
housekeeper.py  does it all once in a while, by the configuration
"""
