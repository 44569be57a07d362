"""WebSocket /ws: channels, subscriptions, fan-out and the AsyncAPI document.

handshake.py           holds clients' frames to RFC 6455, before aiohttp reads them
endpoint.py            the handshake and what clients send
messages.py            every message as a Struct
channels.py            names of channels
settings.py            the parameters, from the configuration
parameters.py          limits and intervals with their reasons
hub.py                 who subscribes to what, and when it is sent
subscriber.py          one connected WebSocket
public_frames.py       from the market model to frames
recent_levels.py       what has changed in a book lately
trade_frames.py        frames of trades
trade_text.py          ... written without the interpreter, jitted
frames.py              frames of RFC 6455
fan_out.py             the same frames to groups of subscribers
fan_out_send.py        ... jitted
private_channel.py     the channel ``orders``
execution_reports.py   from an account's events to execution reports
private_actions.py     what a signed-in socket may do
asyncapi.py            the AsyncAPI document, from the Structs
"""
