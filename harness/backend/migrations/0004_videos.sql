-- Video jobs. A deleted one keeps its row, so that deleting again is the same answer again.
CREATE TABLE videos (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    uuid NOT NULL REFERENCES users,
    prompt     text NOT NULL,
    title      text NOT NULL,
    duration_s integer NOT NULL CHECK (duration_s BETWEEN 1 AND 3600),
    revision   integer NOT NULL DEFAULT 1,
    status     text NOT NULL DEFAULT 'queued',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at timestamptz
);

CREATE INDEX videos_user ON videos (user_id, created_at DESC, id);
