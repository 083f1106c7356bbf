#pragma once

#include <string>
#include <vector>

#include "director/executor/services.hpp"
#include "director/tasks/task_context.hpp"

namespace slipway::director {

// Every name the director stands for, in the shape agents read (records.json).
// Source: contracts/agent-cpi.md section 2, "DNS blob".
struct DnsRecord {
  std::string ip, instance_id, group, az, network, deployment, agent_id, domain;
  int index = 0;
  std::vector<std::string> groups;  // that queries find it in, as numbers of groups are kept; its own first
  std::vector<std::string> names;  // fully qualified; "q-s0.…" is shared by the group
};

std::vector<DnsRecord> dns_records(Services& services);
// Without its version. Names that queries stand for by a number get one that stays theirs.
Json dns_blob(DnsNumbers& numbers, const std::vector<DnsRecord>& records);

// Sends the records of now to every agent, all at once, and waits `dns_wait` at most: a node
// that is away reads them at its next sync. Does nothing when they have not changed.
void publish_dns(Services& services, TaskContext& task);

}  // namespace slipway::director
