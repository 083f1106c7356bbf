#pragma once

#include <string>
#include <vector>

#include "director/domain/instance_requests.hpp"
#include "director/executor/services.hpp"
#include "director/tasks/task_context.hpp"

namespace slipway::director {

struct FetchedLogs {
  BlobId blob;
  std::string sha1;  // a multi-digest
};

// Has an instance's agent pack its logs into a blob, which goes after `logs_lifetime`.
FetchedLogs fetch_instance_logs(Services& services, TaskContext& task, const InstanceRecord& instance,
                                const AgentId& agent, const LogsRequest& request);

// The same without a word in the task's event output, and given up with Fault::retryable when the agent has
// not packed them by the end of `limit`.
FetchedLogs fetch_logs_within(Services& services, TaskContext& task, const InstanceRecord& instance,
                              const AgentId& agent, const LogsRequest& request, std::chrono::milliseconds limit);

// The logs of these instances: one instance's as its agent packed them, several as one tarball
// of such tarballs. A silent agent among several costs its own logs only. Returns the blob's id.
std::string fetch_logs(Services& services, TaskContext& task, const std::string& deployment,
                       const std::vector<InstanceId>& instances, const LogsRequest& request);

// Removes a blob that was to stay for a while only.
void remove_temporary_blob(Services& services, const BlobId& blob);

// Blobs whose time is over; how many.
std::size_t remove_expired_blobs(Services& services);

}  // namespace slipway::director
