#pragma once

#include <string>
#include <vector>

#include "director/domain/types.hpp"

// What run_errand, fetch_logs and ssh are asked for. The API reads a client's words and keeps
// to_json() of them as the task's arguments; the task reads those by the same rules. Readers
// throw Fault::invalid with all problems: place, value, what is allowed, BOSH's code.
namespace slipway::director {

struct InstanceFilter {
  std::string group;
  std::string id;  // a UUID, an index or "first" (by UUID); empty: the whole group
};

struct ErrandRequest {
  std::string errand;  // a job with bin/run, or an instance group with lifecycle errand
  bool keep_alive = false;
  bool when_changed = false;
  std::vector<InstanceFilter> instances;  // empty: all
};
ErrandRequest read_errand_request(const std::string& errand, const Json& body);
Json to_json(const ErrandRequest& request);

struct LogsRequest {
  std::string types;                 // of "agent", "job" and "system", joined by commas, each once
  std::vector<std::string> filters;  // globs below the log folder; empty: all
};
LogsRequest read_logs_request(const Json& query);  // "type" and "filters", both texts
Json to_json(const LogsRequest& request);

struct SshRequest {
  bool setup = true;             // false: cleanup
  std::string group;             // empty: any
  std::vector<std::string> ids;  // UUIDs and indexes; empty: all
  std::string user, public_key;  // of a setup
  std::string user_regex;        // of a cleanup
};
// `deployment`: the one in the path, which a name in the body must not contradict.
SshRequest read_ssh_request(const std::string& deployment, const Json& body);
Json to_json(const SshRequest& request);

// Whether an instance is the one (or one of those) a UUID or an index stands for.
bool is_called(const InstanceRecord& instance, const std::string& id_or_index);

}  // namespace slipway::director
