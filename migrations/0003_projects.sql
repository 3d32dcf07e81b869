-- A part of an account that usage is told apart by.
CREATE TABLE projects (
    account_id uuid NOT NULL REFERENCES accounts,
    project_id uuid NOT NULL,
    slug text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, project_id),
    UNIQUE (account_id, slug)
);

GRANT SELECT, INSERT ON projects TO farebox_service;
