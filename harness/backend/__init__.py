"""The API behind the proxy: a program of its own, on real PostgreSQL and Redis.

It stands in for the Express API of the connection guide (sections "Configuration", "Troubleshooting" and "Testing the
connection").  Law: it imports nothing of the harness and knows of no test; faults reach it over the wire.

    python -m harness.backend migrate     bring the database to the schema this version needs
    python -m harness.backend             serve

What others may read in PostgreSQL, in the schema of ``DATABASE_URL`` (``public`` unless it says otherwise):

``executions``      one row for each write that took effect, in the same transaction as the effect; append-only:
                    ``id bigint, request_id text, method text, path text, user_id uuid, idempotency_key text,
                    at timestamptz``.  ``SELECT count(*) FROM executions WHERE request_id = $1`` is how often a
                    request was carried out; ``request_id`` is its ``X-Errorpath-Request``, else its
                    ``X-Request-ID``, else a new one, which the answer's ``X-Request-ID`` tells.
``ledger``          one row for each movement of credits, append-only (UPDATE, DELETE and TRUNCATE are refused):
                    ``id, user_id, kind ('grant' | 'spend'), amount (signed), balance_after, reason, request_id,
                    idempotency_key, at``.  The sum of ``amount`` is the balance.
``accounts``        ``user_id, balance``: never negative.
``users``           ``id, email, name, password_hash, created_at, last_login_at``.
``videos``          ``id, user_id, prompt, title, duration_s, revision, status, created_at, updated_at, deleted_at``.
``idempotency``     the first answer given under each ``(user_id, key)``.
``migrations``      which migration files were applied, and when.
"""
