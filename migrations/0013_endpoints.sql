-- The public routes that reach an upstream and are billed, all of them.
ALTER DOMAIN endpoint DROP CONSTRAINT endpoint_check;
ALTER DOMAIN endpoint ADD CONSTRAINT endpoint_check CHECK (
    VALUE IN ('chat_completions', 'completions', 'responses', 'embeddings', 'messages'));
