-- What scans found. Of the closed ones the newest row stays, so that no number is given twice.
CREATE TABLE problems (
  id INTEGER PRIMARY KEY,
  deployment TEXT NOT NULL,
  type TEXT NOT NULL,
  state TEXT NOT NULL,
  instance TEXT NOT NULL,
  instance_group TEXT NOT NULL,
  -- empty for a problem of a VM
  disk TEXT NOT NULL,
  description TEXT NOT NULL,
  -- JSON
  data TEXT NOT NULL,
  found_at INTEGER NOT NULL
);
CREATE INDEX problems_by_deployment ON problems (deployment, state, id);

-- They belong to a disk, whoever that belongs to, and go before it does.
CREATE TABLE snapshots (
  id INTEGER PRIMARY KEY,
  cid TEXT NOT NULL UNIQUE,
  disk TEXT NOT NULL REFERENCES disks (cid),
  clean INTEGER NOT NULL,
  created_at INTEGER NOT NULL
);
CREATE INDEX snapshots_by_disk ON snapshots (disk);

-- VMs that stand for no instance any more and wait to be deleted.
CREATE TABLE orphaned_vms (
  id INTEGER PRIMARY KEY,
  agent TEXT NOT NULL UNIQUE,
  cid TEXT NOT NULL,
  deployment TEXT NOT NULL,
  instance_name TEXT NOT NULL,
  az TEXT NOT NULL,
  cpi TEXT NOT NULL,
  -- JSON array
  ip_addresses TEXT NOT NULL,
  orphaned_at INTEGER NOT NULL
);
CREATE INDEX orphaned_vms_by_cid ON orphaned_vms (cid);

-- Switches that operators flip at run time.
CREATE TABLE director_attributes (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
);
