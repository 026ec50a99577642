"""Who may say and see what: attacks of a stranger with the least keys, and the matrix of all of
them.
"""
