"""A capture through the stack and the pipeline in its own time: the events that `run` would have made of it.

files ─ captures ─ sides: which frames are inbound ─ link, with a counterpart for each peer ─ stack and all above
"""
