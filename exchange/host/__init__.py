"""The machine that an exchange runs on: what fits, what does not, and what to do about it.

finding.py     what a check says
processors.py  clock, CPUs, memory
storage.py     shared memory, file system, disk, descriptors
cli.py         ``exchange check``
parser.py      its arguments
"""
