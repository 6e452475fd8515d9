-- Credits: a balance that is never negative, and every movement that led to it.
CREATE TABLE accounts (
    user_id uuid PRIMARY KEY REFERENCES users,
    balance bigint NOT NULL CHECK (balance >= 0)
);

CREATE TABLE ledger (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id         uuid NOT NULL REFERENCES accounts,
    kind            text NOT NULL CHECK (kind IN ('grant', 'spend')),
    amount          bigint NOT NULL,
    balance_after   bigint NOT NULL CHECK (balance_after >= 0),
    reason          text NOT NULL,
    request_id      text NOT NULL,
    idempotency_key text,
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((kind = 'spend') = (amount < 0))
);

CREATE INDEX ledger_user ON ledger (user_id, id);
CREATE INDEX ledger_request_id ON ledger (request_id);

CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
