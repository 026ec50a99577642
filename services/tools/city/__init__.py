"""A made-up city played through the real handlers, commands and clock loops, with every invariant
checked.
"""
