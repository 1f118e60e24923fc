"""Events: made by the recorder, carried by the bus, written by channels in a format."""
