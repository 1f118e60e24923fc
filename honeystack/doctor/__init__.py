"""Looks at a machine before a honeypot runs on it: what is missing, what clashes, and the command that mends it.

machine: what is read, and nothing is changed ─ checks: one room for each subject ─ examine: all of them, in order
"""
