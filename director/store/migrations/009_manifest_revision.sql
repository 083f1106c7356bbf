-- Counts the manifests that were deployed with success, so that one can be named.
ALTER TABLE deployments ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
UPDATE deployments SET revision = 1 WHERE manifest <> '';
