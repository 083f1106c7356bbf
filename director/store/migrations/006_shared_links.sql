-- What a deployment offers to others; the contents are sealed like variables.
CREATE TABLE shared_links (
  deployment TEXT PRIMARY KEY REFERENCES deployments (name) ON DELETE CASCADE,
  sealed TEXT NOT NULL
);
