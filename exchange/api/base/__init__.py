"""What every handler stands on: the event pump, the service object, health."""
