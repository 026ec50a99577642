"""The real parts that tests use: one Kafka for all, a browser with a Chinese font. `prepare`
fetches them beforehand.
"""
