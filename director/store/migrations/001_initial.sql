-- Times are milliseconds since 1970 (UTC). Columns that hold JSON say so.

CREATE TABLE tasks (
  id INTEGER PRIMARY KEY,
  type TEXT NOT NULL,
  state TEXT NOT NULL,
  description TEXT NOT NULL,
  result TEXT NOT NULL,
  username TEXT NOT NULL,
  deployment TEXT NOT NULL,
  context_id TEXT NOT NULL,
  -- JSON: all that the task needs to run again after a restart
  arguments TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  -- who runs it, when it last said so, and how often it was claimed
  director TEXT NOT NULL DEFAULT '',
  heartbeat_at INTEGER NOT NULL DEFAULT 0,
  fence INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX tasks_by_state ON tasks (state, type, id);
CREATE INDEX tasks_by_deployment ON tasks (deployment, id);
CREATE INDEX tasks_by_context ON tasks (context_id, id);

-- The intent of a step is written before its effect, the outcome (JSON) after it.
CREATE TABLE steps (
  id INTEGER PRIMARY KEY,
  task_id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  step_key TEXT NOT NULL,
  intent TEXT NOT NULL,
  outcome TEXT,
  began_at INTEGER NOT NULL,
  finished_at INTEGER,
  UNIQUE (task_id, kind, step_key)
);

CREATE TABLE locks (
  name TEXT PRIMARY KEY,
  task_id INTEGER NOT NULL,
  holder TEXT NOT NULL,
  expires_at INTEGER NOT NULL
);

-- The directors that run on this store.
CREATE TABLE directors (
  id TEXT PRIMARY KEY,
  description TEXT NOT NULL,
  heartbeat_at INTEGER NOT NULL
);

CREATE TABLE configs (
  id INTEGER PRIMARY KEY,
  type TEXT NOT NULL,
  name TEXT NOT NULL,
  content TEXT NOT NULL,
  team TEXT NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL
);
CREATE INDEX configs_by_name ON configs (type, name, id);

CREATE TABLE releases (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  commit_hash TEXT NOT NULL,
  uncommitted_changes INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (name, version)
);

-- Versions of one release share the rows of jobs and packages with one fingerprint.
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY,
  release_name TEXT NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  blob TEXT NOT NULL,
  sha1 TEXT NOT NULL,
  spec TEXT NOT NULL,
  UNIQUE (release_name, name, fingerprint)
);
CREATE INDEX jobs_by_blob ON jobs (blob);

CREATE TABLE release_jobs (
  release_id INTEGER NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
  job_id INTEGER NOT NULL REFERENCES jobs (id),
  PRIMARY KEY (release_id, job_id)
);
CREATE INDEX release_jobs_by_job ON release_jobs (job_id);

CREATE TABLE packages (
  id INTEGER PRIMARY KEY,
  release_name TEXT NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  blob TEXT NOT NULL,
  sha1 TEXT NOT NULL,
  dependencies TEXT NOT NULL,
  UNIQUE (release_name, name, fingerprint)
);
CREATE INDEX packages_by_fingerprint ON packages (fingerprint);
CREATE INDEX packages_by_blob ON packages (blob);

CREATE TABLE release_packages (
  release_id INTEGER NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
  package_id INTEGER NOT NULL REFERENCES packages (id),
  PRIMARY KEY (release_id, package_id)
);
CREATE INDEX release_packages_by_package ON release_packages (package_id);

CREATE TABLE compiled_packages (
  id INTEGER PRIMARY KEY,
  package_id INTEGER NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
  stemcell_os TEXT NOT NULL,
  stemcell_version TEXT NOT NULL,
  dependency_key TEXT NOT NULL,
  build INTEGER NOT NULL,
  blob TEXT NOT NULL,
  sha1 TEXT NOT NULL,
  UNIQUE (package_id, stemcell_os, stemcell_version, dependency_key)
);
CREATE INDEX compiled_packages_by_blob ON compiled_packages (blob);

CREATE TABLE stemcells (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  operating_system TEXT NOT NULL,
  api_version INTEGER NOT NULL,
  cpi TEXT NOT NULL,
  cid TEXT NOT NULL,
  sha1 TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (name, version, cpi)
);

CREATE TABLE deployments (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  manifest TEXT NOT NULL,
  attempted_manifest TEXT NOT NULL,
  -- JSON arrays
  cloud_config_ids TEXT NOT NULL,
  runtime_config_ids TEXT NOT NULL,
  teams TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  attempted_at INTEGER,
  succeeded_at INTEGER
);

CREATE TABLE deployment_releases (
  deployment_id INTEGER NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
  release_id INTEGER NOT NULL REFERENCES releases (id),
  PRIMARY KEY (deployment_id, release_id)
);
CREATE INDEX deployment_releases_by_release ON deployment_releases (release_id);

CREATE TABLE deployment_stemcells (
  deployment_id INTEGER NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
  stemcell_id INTEGER NOT NULL REFERENCES stemcells (id),
  PRIMARY KEY (deployment_id, stemcell_id)
);
CREATE INDEX deployment_stemcells_by_stemcell ON deployment_stemcells (stemcell_id);

CREATE TABLE instances (
  id TEXT PRIMARY KEY,
  deployment TEXT NOT NULL REFERENCES deployments (name),
  instance_group TEXT NOT NULL,
  instance_index INTEGER NOT NULL,
  bootstrap INTEGER NOT NULL,
  az TEXT NOT NULL,
  state TEXT NOT NULL,
  ignored INTEGER NOT NULL,
  update_completed INTEGER NOT NULL,
  -- JSON: the apply spec that was last applied with success
  spec TEXT NOT NULL,
  dns_names TEXT NOT NULL
);
CREATE INDEX instances_by_deployment ON instances (deployment, instance_group, instance_index);

CREATE TABLE vms (
  id INTEGER PRIMARY KEY,
  -- the idempotency key of create_vm: the row exists before the cloud is asked
  agent TEXT NOT NULL UNIQUE,
  cid TEXT,
  instance TEXT REFERENCES instances (id),
  deployment TEXT NOT NULL,
  state TEXT NOT NULL,
  active INTEGER NOT NULL,
  cpi TEXT NOT NULL,
  stemcell TEXT NOT NULL,
  stemcell_api_version INTEGER NOT NULL,
  cloud_properties TEXT NOT NULL,
  networks TEXT NOT NULL,
  env TEXT NOT NULL,
  permanent_nats_certificate INTEGER NOT NULL,
  created_at INTEGER NOT NULL
);
CREATE INDEX vms_by_cid ON vms (cid);
CREATE INDEX vms_by_instance ON vms (instance);
CREATE INDEX vms_by_deployment ON vms (deployment);

CREATE TABLE disks (
  id INTEGER PRIMARY KEY,
  cid TEXT NOT NULL UNIQUE,
  deployment TEXT NOT NULL,
  instance_group TEXT NOT NULL,
  instance TEXT NOT NULL,
  az TEXT NOT NULL,
  size_mib INTEGER NOT NULL,
  cloud_properties TEXT NOT NULL,
  cpi TEXT NOT NULL,
  state TEXT NOT NULL,
  orphaned_at INTEGER
);
CREATE INDEX disks_by_instance ON disks (instance);
CREATE INDEX disks_by_deployment ON disks (deployment);

-- The primary key is what keeps one address from two owners.
CREATE TABLE ip_addresses (
  address TEXT PRIMARY KEY,
  deployment TEXT NOT NULL,
  instance TEXT REFERENCES instances (id) ON DELETE CASCADE,
  agent TEXT NOT NULL,
  network TEXT NOT NULL,
  is_static INTEGER NOT NULL,
  reserved_at INTEGER NOT NULL
);
CREATE INDEX ip_addresses_by_deployment ON ip_addresses (deployment);
CREATE INDEX ip_addresses_by_instance ON ip_addresses (instance);
CREATE INDEX ip_addresses_by_agent ON ip_addresses (agent);

-- Versions of the config server's values; the newest id of a name is its value of now.
CREATE TABLE variable_values (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  sealed TEXT NOT NULL,
  created_at INTEGER NOT NULL
);
CREATE INDEX variable_values_by_name ON variable_values (name, id);

CREATE TABLE variable_pins (
  deployment TEXT NOT NULL,
  variable_id INTEGER NOT NULL REFERENCES variable_values (id) ON DELETE CASCADE,
  PRIMARY KEY (deployment, variable_id)
);

CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  parent INTEGER,
  happened_at INTEGER NOT NULL,
  username TEXT NOT NULL,
  action TEXT NOT NULL,
  object_type TEXT NOT NULL,
  object_name TEXT NOT NULL,
  task TEXT NOT NULL,
  deployment TEXT NOT NULL,
  instance TEXT NOT NULL,
  error TEXT NOT NULL,
  context TEXT NOT NULL
);
CREATE INDEX events_by_deployment ON events (deployment, id);
CREATE INDEX events_by_time ON events (happened_at);
