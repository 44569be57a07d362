"""REST /api/v1: one table of routes, decoding, answers and the OpenAPI document.

routes.py    the table of all routes, and the checks that every request passes
route.py     what a route of that table consists of
call.py      what a handler is given and what it returns
decode.py    JSON bodies and query strings, decoded strictly
schemas.py   query strings and answers as Structs
decimal_numbers.py  prices and money as decimal strings
scales.py    which fields are prices and money
cursor.py    cursors of lists
time_range.py  from and to of lists
row_json.py  lists of many rows in one go
row_text.py  their text, jitted
instrument_list.py  GET /instruments, made once until something changes
ticker_list.py  GET /tickers, made at most four times a second
market.py    instruments, books, trades, tickers, K-lines, time, health
orders.py    orders
batch.py     several orders with one request; orders by client order id
account.py   money and positions
ledger.py    what each change of a balance came from
openapi.py   the OpenAPI document, from the table and the Structs
"""
