#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "cpi/simulated/simulated_cpi.hpp"
#include "director/executor/bodies.hpp"
#include "director/executor/deploy.hpp"
#include "director/executor/services.hpp"
#include "director/uploads/artifact_tasks.hpp"
#include "test/scenario/director/simulated_agents.hpp"
#include "test/scenario/director/simulated_cpis.hpp"

namespace slipway::test {

// Secrets of the world, to be looked for where they must not be.
inline constexpr const char* blobstore_password = "password-of-the-blobstore";
inline constexpr const char* store_key = "key-of-the-store-with-32-letters";

// The same draws in each run that makes them one after the other; those made in parallel are different ones all the same.
class SharedRandom final : public Random {
 public:
  explicit SharedRandom(std::uint64_t seed) : random_(seed) {}
  void fill(std::span<std::byte> out) override {
    std::lock_guard lock(mutex_);
    random_.fill(out);
  }

 private:
  std::mutex mutex_;
  SeededRandom random_;
};

// The real director but for its wires: a simulated cloud with simulated agents, a store on
// disk, real Ruby for templates. A "restart" is a new task context over the same store.
class DirectorWorld {
 public:
  DirectorWorld();
  // What `like` has come to, as a world of its own; `like` must be at rest.
  explicit DirectorWorld(DirectorWorld& like,
                         director::Locks::Renewal renewal = director::Locks::Renewal::by_itself);

  // Runs a deploy as task `task`; the same number again is the same task resumed.
  void deploy(const std::string& manifest, director::DeployOptions options = {}, director::TaskId task = 0);
  void remove(const std::string& deployment, bool delete_disks, director::TaskId task = 0);
  // Runs the task "change_instances" with these arguments.
  void change_instances(const std::string& deployment, Json arguments);
  std::vector<Json> list(const std::string& deployment);
  void set_cloud_config(const std::string& yaml);
  // A release without packages. Each job: job.MF as YAML, its templates by source name, and properties_schema.json.
  struct JobSource {
    std::string spec;
    std::map<std::string, std::string> templates;
    std::string properties_schema = {};
  };
  void add_release(const std::string& name, const std::string& version, const std::vector<JobSource>& jobs);
  // "1.0" is there from the start.
  void add_stemcell(const std::string& version, int api_version = 3);

  // Runs a task's body with these arguments; the same number again is the same task resumed.
  std::string run_body(std::string (*body)(director::Services&, director::TaskContext&), const Json& arguments,
                       director::TaskId task = 0);
  // Runs `work` in a task context; what it threw is thrown.
  void run(director::TaskId task, const std::function<void(director::TaskContext&)>& work,
           Json arguments = Json::object());
  // An upload or deletion as a task of its own; its result.
  using ArtifactTask = std::string (*)(director::ArtifactServices&, director::TaskContext&);
  std::string run_artifact(ArtifactTask body, const Json& arguments);

  // The row of a task that deployed "dep" and ended with an error; here a task has one only where it is asked for.
  void add_failed_deploy(director::TaskId task);

  director::InstanceRecord instance(const std::string& group, int index);
  director::VmRecord vm(const std::string& group, int index);
  // What the instance was told to run: a file of its rendered templates, "job/path".
  std::string rendered(const std::string& group, int index, const std::string& file);
  // Nothing is where it should not be: no rule of cloud or agents broken, every VM, disk and
  // address known to the store, and the other way round. To be asked while no task runs.
  std::vector<std::string> inconsistencies();
  std::vector<std::string> leaked_blobs();
  bool nothing_left();

  TempDir folder;
  SystemClock system_clock;  // for real waiting: Ruby, threads
  ManualClock clock;
  SharedRandom seeded{7};
  SystemRandom random;
  sql::Database database;
  director::Stores stores;
  director::Locks locks;
  director::Blobstore blobs;
  cpi::SimulatedCloud cloud;
  cpi::SimulatedCpi cpi;
  SimulatedAgents agents;
  SimulatedAccess access;
  director::Renderer& renderer;
  director::JobTemplateCache templates;
  std::unique_ptr<SimulatedCpis> cpis;
  director::Services services;
  director::ArtifactServices artifacts;
  std::vector<std::string> events, results, debugs;
  std::function<bool()> cancelled = [] { return false; }, stopping = [] { return false; };

 private:
  DirectorWorld(TempDir place, director::Locks::Renewal renewal);
  void compare_vms(std::vector<std::string>& found);
  void compare_disks(std::vector<std::string>& found);
  void compare_addresses(std::vector<std::string>& found);
  void add_release();
  director::BlobId add_blob(const std::string& content, const director::BlobId& id = {});
  director::TaskId next_task_ = 100;
};

// The cloud config of a world: three zones on one network.
std::string three_zones(int compilation_workers);

// A manifest with `instances` of job "server" that consume each other, with a disk.
std::string simple_manifest(int instances, const std::string& property = "one", int disk_mib = 1024);

// The same with these disks: name → disk type, "small" (512 MiB) or "large" (2048).
using NamedDisks = std::map<std::string, std::string>;
std::string named_disks_manifest(int instances, const NamedDisks& disks, const std::string& property = "one");

// The code of the error that `action` throws; 0 when it throws none.
int code_of(const std::function<void()>& action);

}  // namespace slipway::test
