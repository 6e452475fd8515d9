-- What was carried out, and the first answer given under each Idempotency-Key.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TABLE executions (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id      text NOT NULL,
    method          text NOT NULL,
    path            text NOT NULL,
    user_id         uuid REFERENCES users,
    idempotency_key text,
    at              timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX executions_request_id ON executions (request_id);

CREATE TRIGGER executions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON executions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE idempotency (
    user_id     uuid NOT NULL REFERENCES users,
    key         text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint text NOT NULL,
    request_id  text NOT NULL,
    answer      json,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (user_id, key)
);
