"""What may be defined, for every door by which a definition comes.

rules.py   names, numbers, ranges and references
"""
