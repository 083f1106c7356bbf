#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "director/domain/manifest.hpp"
#include "director/executor/problems/repairs.hpp"

namespace slipway::director {

// Carries out resolutions group by group as a deploy updates them: groups in the manifest's order,
// several instances of a group at once as its max_in_flight says, the problems of one instance one after
// the other. What fails is reported and keeps nothing else from being done.
class ProblemResolver {
 public:
  ProblemResolver(Services& services, TaskContext& task, std::string deployment)
      : services_(services), task_(task), deployment_(std::move(deployment)) {}

  // Problem → name of its resolution; empty: the default one.
  using Choices = std::map<std::int64_t, std::optional<std::string>>;

  // How many are resolved. Fault::internal, when all are through, with what went wrong.
  int resolve(const Choices& choices, const std::map<std::string, Amount>& max_in_flight_overrides);

 private:
  struct Group {
    std::string name;
    bool serial = true;
    Amount max_in_flight;
    std::vector<std::vector<ProblemRecord>> by_instance;
  };
  std::vector<Group> grouped(std::vector<ProblemRecord> problems,
                             const std::map<std::string, Amount>& overrides) const;
  std::vector<Group> groups_of_manifest() const;
  void work_on(const Group& group, const Choices& choices, TaskContext::Stage& stage);
  void work_on(const ProblemRecord& problem, const std::optional<std::string>& choice, TaskContext::Stage& stage);
  void repair(const ProblemRecord& problem, const std::optional<std::string>& choice, const StepRecord& begun,
              TaskContext::Stage& stage);
  void count(const ProblemRecord& problem, const std::string& error);

  Services& services_;
  TaskContext& task_;
  std::string deployment_;
  std::set<std::string> begun_before_;  // problems that an interrupted attempt of this task was at
  std::mutex mutex_;
  int resolved_ = 0;
  std::map<std::int64_t, std::string> errors_;
};

// The scripts that run once everything is up, on all instances that run: others may have to know of a
// VM that was made anew. What fails is a warning.
void run_post_deploys(Services& services, TaskContext& task, const std::string& deployment);

}  // namespace slipway::director
