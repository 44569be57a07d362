"""What every handler needs.

event_pump.py   follows released events on the event loop
service.py      the parts of the stage as one object: ``request.app[SERVICE]``
health.py       the answer to probes
"""
