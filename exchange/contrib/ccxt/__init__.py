"""The exchange for ccxt, and so for the programs that trade through ccxt.

Who uses it: programs that have ccxt (4.5.90 is tested) in an environment of their own; nothing but
ccxt is needed there. ``register`` of classes.py makes the class ``openexchange`` of ``ccxt``,
``ccxt.async_support`` and ``ccxt.pro``, of one source. Importing this package imports no ccxt.

description.py  what ccxt asks before anything else: urls, abilities, errors
convert.py      between the exchange's integers and ccxt's numbers
requests.py     signing, errors, and the methods that ask for market and account
trading.py      the methods that send orders
streams.py      the methods of pro
classes.py      the three classes, and their registration

Decision API-22.
"""
