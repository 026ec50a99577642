"""What starts processes: the embedded PostgreSQL, Kafka's brokers, the roles, their supervisor."""
