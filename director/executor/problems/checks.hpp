#pragma once

#include <optional>
#include <string>
#include <vector>

#include "director/executor/services.hpp"
#include "director/tasks/task_context.hpp"

// Looks at the world as it is this moment; a scan and every repair begin with them.
namespace slipway::director {

// What an agent says of itself. An answer that is a complaint is an answer too.
struct AgentLook {
  bool answers = false;
  // "ephemeral disk is 99 % full": of a disk that is the VM's own and goes with it. Ours says which are, BOSH's does not.
  std::string full_disk;
  bool failing_jobs = false;  // where they are looked for
};
AgentLook look_at_agent(Services& services, const AgentId& agent);
bool agent_answers(Services& services, const AgentId& agent);

// The disks the agent has mounted; nothing when it does not say.
std::optional<std::vector<std::string>> mounted_disks(Services& services, TaskContext& task, const AgentId& agent);

// A cloud that cannot say, or cannot be reached, leaves it unknown: nothing is given up for lost then.
enum class Existence { yes, no, unknown };
Existence vm_exists(Services& services, TaskContext& task, const VmRecord& vm);
// Whether the node has the disk as it shall have it: mounted, says its agent; a named one attached, says the cloud.
// nullopt: that cannot be learnt.
std::optional<bool> disk_is_there(Services& services, TaskContext& task, const VmRecord& vm, const DiskRecord& disk);
Existence disk_exists(Services& services, TaskContext& task, const DiskRecord& disk);

}  // namespace slipway::director
