#pragma once

#include <functional>

#include "base/clock.hpp"
#include "cli/command.hpp"

// One struct a command: what it needs, its manual, and run(words), which returns the exit
// code. Throws UsageError, HelpWanted, Exit, ApiError and Error; main translates.
namespace slipway::cli {

struct Login {
  Terminal& terminal;
  Clock& clock;
  static Manual manual();
  int run(const Words& words);
};

struct Logout {
  Terminal& terminal;
  static Manual manual();
  int run(const Words& words);
};

struct Plans {
  Terminal& terminal;
  static Manual manual();
  int run(const Words& words);
};

struct ListClusters {
  Terminal& terminal;
  static Manual manual();
  int run(const Words& words);
};

struct ShowCluster {
  Terminal& terminal;
  static Manual manual();
  int run(const Words& words);
};

struct CreateCluster {
  Terminal& terminal;
  Clock& clock;
  static Manual manual();
  int run(const Words& words);
};

struct Resize {
  Terminal& terminal;
  Clock& clock;
  static Manual manual();
  int run(const Words& words);
};

struct DeleteCluster {
  Terminal& terminal;
  Clock& clock;
  static Manual manual();
  int run(const Words& words);
};

struct GetCredentials {
  Terminal& terminal;
  Clock& clock;
  static Manual manual();
  int run(const Words& words);

 private:
  void keep_etcd_credentials(const std::filesystem::path& folder, const Json& credentials) const;
};

struct GetKubeconfig {
  Terminal& terminal;
  Clock& clock;
  static Manual manual();
  int run(const Words& words);

 private:
  int run_by_password(const std::string& name, LoginRequest request) const;
  int run_by_issuer(const std::string& name) const;
};

struct ClusterToken {
  Terminal& terminal;
  Clock& clock;
  static Manual manual();
  int run(const Words& words);
};

struct Certificates {
  Terminal& terminal;
  static Manual manual();
  int run(const Words& words);
};

struct RotateCertificates {
  Terminal& terminal;
  Clock& clock;
  static Manual manual();
  int run(const Words& words);
};

struct ListTasks {
  Terminal& terminal;
  static Manual manual();
  int run(const Words& words);
};

struct ShowTask {
  Terminal& terminal;
  static Manual manual();
  int run(const Words& words);
};

struct UpdateCluster {
  Terminal& terminal;
  Clock& clock;
  static Manual manual();
  int run(const Words& words);
};

struct ListSinks {
  Terminal& terminal;
  static Manual manual();
  int run(const Words& words);
};

struct CreateSink {
  Terminal& terminal;
  Clock& clock;
  static Manual manual();
  int run(const Words& words);
};

struct DeleteSink {
  Terminal& terminal;
  Clock& clock;
  static Manual manual();
  int run(const Words& words);
};

struct UpgradeCluster {
  Terminal& terminal;
  Clock& clock;
  static Manual manual();
  int run(const Words& words);
};

struct UpgradeClusters {
  Terminal& terminal;
  Clock& clock;
  static Manual manual();
  int run(const Words& words);
};

struct CancelTask {
  Terminal& terminal;
  static Manual manual();
  int run(const Words& words);
};

// What is done to an upgrade of many that is under way, or has ended.
struct TaskOrder {
  const char *verb, *summary, *waits;
  bool pauses;    // --wait ends when it is paused
  bool upgrades;  // --wait fails unless all clusters were upgraded
};
inline constexpr TaskOrder pause_task = {
    "pause", "Begin nothing more of an upgrade task, and stop what runs between two nodes",
    "return when nothing of it runs any more", true, false};
inline constexpr TaskOrder resume_task = {"resume", "Go on with an upgrade task that was paused",
                                          "tell of each cluster and return at the end", false, true};
inline constexpr TaskOrder abort_task = {
    "abort", "Begin nothing more of an upgrade task, and let what runs fail between two nodes",
    "return when nothing of it runs any more", false, false};
inline constexpr TaskOrder retry_task = {"retry", "Begin anew with what an upgrade task did not upgrade",
                                         "tell of each cluster and return at the end", false, true};

struct SteerTask {
  Terminal& terminal;
  Clock& clock;
  TaskOrder order;
  Manual manual() const;
  int run(const Words& words);
};

// Of what a profile is: "network", "compute" or "kubernetes", and at the beginning of a sentence.
struct ProfileKind {
  const char *word, *title;
};

struct ListProfiles {
  Terminal& terminal;
  ProfileKind kind;
  Manual manual() const;
  int run(const Words& words);
};

struct ShowProfile {
  Terminal& terminal;
  ProfileKind kind;
  Manual manual() const;
  int run(const Words& words);
};

struct CreateProfile {
  Terminal& terminal;
  ProfileKind kind;
  Manual manual() const;
  int run(const Words& words);
};

struct DeleteProfile {
  Terminal& terminal;
  ProfileKind kind;
  Manual manual() const;
  int run(const Words& words);
};

struct Completion {
  Terminal& terminal;
  std::vector<Manual> manuals;
  static Manual manual();
  int run(const Words& words);
};

struct Entry {
  Manual manual;
  std::function<int(const Words&)> run;
};

// All of them, in the order help lists them.
std::vector<Entry> all_commands(Terminal& terminal, Clock& clock);

}  // namespace slipway::cli
