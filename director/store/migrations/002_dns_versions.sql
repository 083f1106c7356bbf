-- What nodes were told of names last; only the newest version is kept.
CREATE TABLE dns_versions (
  id INTEGER PRIMARY KEY,
  content_key TEXT NOT NULL,
  blob_id TEXT NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL
);
