"""Text -> place: reads a written address and names the community it lies in, with its reasons and
how sure that is. A library: it knows no database and none of the other rooms (README.md).
"""
