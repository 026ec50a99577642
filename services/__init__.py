"""guidui (归队): keeps a party member's organisational relation moving with the member.

The road the data takes:

1. ``intake``    a departure comes in (HTTP CloudEvents, roster, form, Kafka), is validated and
                 stored in one commit
2. ``kit``       ``event_log`` is outbox and log in one; ``relay`` carries it to Kafka, ``tailer``
                 reads it in-process
3. ``kit.inbox`` ``deliver()``: new? -> handler -> commit; an effect happens once, whatever the bus
repeats
4. ``matcher``   who is it, and where do they belong: a decision with its evidence
5. ``cases``     commands: pure ``decide`` -> one history row that moves the case
6. ``notifier``  prompts whoever must move next, and records each attempt
7. ``records``   counts, audits, the daily completeness statement
8. ``portal``    pages and calls: read queries, post commands (back to 5)
"""
