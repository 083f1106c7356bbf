-- How long the last changes of instances took, for forecasts.
CREATE TABLE change_durations (
  id INTEGER PRIMARY KEY,
  deployment TEXT NOT NULL REFERENCES deployments (name) ON DELETE CASCADE,
  instance_group TEXT NOT NULL,
  action TEXT NOT NULL,
  milliseconds INTEGER NOT NULL
);
CREATE INDEX change_durations_by_action ON change_durations (deployment, instance_group, action, id);
