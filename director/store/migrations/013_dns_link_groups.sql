-- Of deployments with use_link_dns_names: which groups of DNS queries the instances of a group are in besides their own.
CREATE TABLE dns_link_groups (
  deployment TEXT NOT NULL,
  instance_group TEXT NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (deployment, instance_group, name)
);
