-- What credit notes have to do with the stream: each moved the balance by one event.
ALTER TABLE documents
    ADD COLUMN event_id uuid,
    ADD CONSTRAINT documents_event UNIQUE (account_id, event_id),
    ADD CONSTRAINT documents_credit_by_event
        CHECK ((kind = 'credit_note') = (event_id IS NOT NULL));

-- Finds the notes of a document.
CREATE INDEX documents_by_corrected ON documents (account_id, corrects)
    WHERE corrects IS NOT NULL;
