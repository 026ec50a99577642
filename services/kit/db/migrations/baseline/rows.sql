-- marks by which processes see that something they keep in memory has changed
INSERT INTO registry_version (part, mark) VALUES ('organisation', gen_random_uuid());
INSERT INTO registry_version (part, mark, rules) VALUES ('member_key', gen_random_uuid(), 0);
-- keys of the seal, drawn once for each database
INSERT INTO context_secret (inner_key, outer_key)
SELECT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
           || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()),
       uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
           || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
