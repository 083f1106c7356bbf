-- What an errand ran with when it last succeeded, for runs that are wanted only after a change.
CREATE TABLE errand_runs (
  deployment TEXT NOT NULL REFERENCES deployments (name) ON DELETE CASCADE,
  errand TEXT NOT NULL,
  state_hash TEXT NOT NULL,
  succeeded_at INTEGER NOT NULL,
  PRIMARY KEY (deployment, errand)
);

-- Blobs that are there to be fetched and then to go, and whose they are.
CREATE TABLE temporary_blobs (
  blob TEXT PRIMARY KEY,
  deployment TEXT NOT NULL,
  expires_at INTEGER NOT NULL
);
