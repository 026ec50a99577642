"""The road of messages: one log as outbox, one inbox for each consumer, over Kafka or within one
process.
"""
