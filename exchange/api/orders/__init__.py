"""From requests to commands and from events to outcomes: the API as a producer of orders.

terms.py        the JSON bodies of orders, checked
client_ids.py   the texts of long client order ids, over restarts
amendments.py   what an amendment asks for, checked before it is sent
records.py      the COMMAND records of clients' orders
gateway.py      writes them into the API's ingress ring
marks.py        tell the commands of one process from another's
waiting.py      commands that wait for their outcome
outcomes.py     finds the outcomes in the released events
json.py         orders, fills and accounts as JSON
amounts.py      what a rejected order needed and what there was
errors.py       errors about orders that more than one module raises
"""
