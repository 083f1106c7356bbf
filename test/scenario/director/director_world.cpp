#include "test/scenario/director/director_world.hpp"

#include <unistd.h>

#include <set>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "base/yaml.hpp"
#include "director/store/schema.hpp"
#include "director/tasks/task_context.hpp"

namespace slipway::test {

using namespace director;

namespace {

class Lines final : public TaskOutput {
 public:
  explicit Lines(std::vector<std::string>& lines) : lines_(lines) {}
  void append(std::string_view line) override {
    std::lock_guard lock(mutex_);
    lines_.emplace_back(line);
  }

 private:
  std::mutex mutex_;
  std::vector<std::string>& lines_;
};

const std::string blob_urls = "https://blobs/";

// Ruby takes longer to start than most scenarios to run.
Renderer& shared_renderer() {
  static Renderer renderer({.workers = 2});
  return renderer;
}

// In memory where that is to be had: the store is synced to disk at every change.
std::filesystem::path quick_folder() {
  const std::filesystem::path memory = "/dev/shm";
  return ::access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::path{};
}

TempDir copied(DirectorWorld& like) {
  TempDir place("director", quick_folder());
  like.database.run("VACUUM INTO :1", {(place.path() / "director.db").string()});
  const auto links = std::filesystem::copy_options::recursive | std::filesystem::copy_options::create_hard_links;
  std::filesystem::copy(like.folder.path() / "blobs", place.path() / "blobs", links);
  return place;
}

sql::Database& migrated(sql::Database& database) {
  database.migrate(migrations());
  return database;
}

ExecutorSettings settings_in(const std::filesystem::path& folder) {
  ExecutorSettings settings;
  settings.director_uuid = "d1";
  settings.work_folder = (folder / "work").string();
  settings.own_addresses = {"10.9.0.1"};
  settings.max_parallel = 4;
  settings.agent_wait = std::chrono::seconds{2};
  settings.agent_blobstores = Json::array(
      {{{"provider", "dav"}, {"options", {{"endpoint", blob_urls}, {"user", "agent"}, {"password", blobstore_password}}}}});
  settings.sign_url = [](const std::string& method, const BlobId& blob, std::chrono::seconds) {
    return blob_urls + method + "/" + blob.value;
  };
  std::filesystem::create_directories(settings.work_folder);
  return settings;
}

}  // namespace

DirectorWorld::DirectorWorld(TempDir place, Locks::Renewal renewal)
    : folder(std::move(place)),
      database("sqlite://" + (folder.path() / "director.db").string()),
      stores(migrated(database), Secret(store_key)),
      locks(database, system_clock, "director-1", renewal),
      blobs(folder.path() / "blobs", random),
      cpi(cloud, clock),
      agents(cloud),
      renderer(shared_renderer()),
      templates(blobs),
      cpis(std::make_unique<SimulatedCpis>(cpi)),
      services{clock,
               seeded,
               Log::discard(),
               stores,
               locks,
               blobs,
               *cpis,
               agents,
               access,
               renderer,
               settings_in(folder.path())},
      artifacts{system_clock, random, stores, locks, blobs, *cpis, folder.path() / "work"} {
  agents.holds_blob = [this](const std::string& blob, const std::string& digest) {
    if (!blobs.exists(BlobId{blob})) return false;
    verify_file(blobs.path(BlobId{blob}).string(), MultiDigest::parse(digest));
    return true;
  };
  agents.waited = [this](std::chrono::milliseconds time) { clock.advance(time); };
  agents.compile = [this](const std::string& package, const std::string& blob) {
    const auto content = "compiled " + package;
    return std::pair{add_blob(content, BlobId{blob}).value, sha1_hex(content)};
  };
  agents.pack_logs = [this](const AgentId& agent, const std::string& types, const std::string& blob) {
    const auto content = types + " logs of " + agent.value;
    return std::pair{add_blob(content, BlobId{blob}).value, sha1_hex(content)};
  };
  agents.blob_at = [](const std::string& method, const std::string& url) {
    const auto beginning = blob_urls + method + "/";
    return url.starts_with(beginning) ? url.substr(beginning.size()) : std::string();
  };
}

DirectorWorld::DirectorWorld() : DirectorWorld(TempDir("director", quick_folder()), Locks::Renewal::by_itself) {
  set_cloud_config(three_zones(2));
  add_stemcell("1.0");
  add_release();
}

DirectorWorld::DirectorWorld(DirectorWorld& like, Locks::Renewal renewal) : DirectorWorld(copied(like), renewal) {
  cloud.load(like.cloud.to_json());
  agents.copy(like.agents);
  services.settings.failed_vms = like.services.settings.failed_vms;
  for (const auto& vm : stores.vms.all()) access.allow(vm.agent);
  clock.advance(like.clock.monotonic().time_since_epoch());
}

BlobId DirectorWorld::add_blob(const std::string& content, const BlobId& id) {
  const TempDir place("blob", folder.path());
  write_file_atomically(place.path() / "content", content);
  return blobs.put_file(place.path() / "content", id).id;
}

void DirectorWorld::set_cloud_config(const std::string& yaml) {
  stores.configs.put("cloud", "default", yaml, {}, clock.now());
}

void DirectorWorld::add_stemcell(const std::string& version, int api_version) {
  const auto cid = cloud.create_stemcell("digest of " + version, Json::object(), Json::object());
  stores.stemcells.insert({.name = "simulated-debian",
                           .version = version,
                           .operating_system = "debian",
                           .api_version = api_version,
                           .cid = cid,
                           .sha1 = "x"},
                          clock.now());
}

void DirectorWorld::add_release() {
  const auto tarball = folder.path() / "server.tgz";
  const std::string spec = R"(
name: server
templates: {config.erb: config/file}
packages: [program]
properties: {value: {default: none}}
provides: [{name: server, type: server}]
consumes: [{name: server, type: server}]
)";
  ArchiveWriter writer(tarball);
  writer.add("job.MF", spec);
  writer.add("monit", "check process server with pidfile /x");
  writer.add(
      "templates/config.erb",
      "<%= p('value') %> <%= link('server').instances.map(&:address).sort.join(',') %> <%= spec.index %>");
  writer.finish();
  ReleaseRecord release{.name = "app", .version = "1.0", .commit_hash = "abc"};
  JobRecord job{.name = "server",
                .version = "f1",
                .fingerprint = "f1",
                .blob = blobs.put_file(tarball).id,
                .sha1 = sha256_of_file(tarball.string())};
  job.spec = {{"name", "server"},
              {"templates", {{"config.erb", "config/file"}}},
              {"packages", {"program"}},
              {"properties", {{"value", {{"default", "none"}}}}},
              {"provides", Json::array({{{"name", "server"}, {"type", "server"}}})},
              {"consumes", Json::array({{{"name", "server"}, {"type", "server"}}})}};
  release.jobs.push_back(job);
  release.packages.push_back({.name = "library",
                              .version = "p1",
                              .fingerprint = "p1",
                              .blob = add_blob("library"),
                              .sha1 = sha1_hex("library")});
  release.packages.push_back({.name = "program",
                              .version = "p2",
                              .fingerprint = "p2",
                              .blob = add_blob("program"),
                              .sha1 = sha1_hex("program"),
                              .dependencies = {"library"}});
  stores.releases.insert(release, clock.now());
}

std::string DirectorWorld::run_body(std::string (*body)(Services&, TaskContext&), const Json& arguments,
                                    TaskId task) {
  std::string result;
  run(task, [&](TaskContext& context) { result = body(services, context); }, arguments);
  return result;
}

void DirectorWorld::add_release(const std::string& name, const std::string& version,
                                const std::vector<JobSource>& jobs) {
  ReleaseRecord release{.name = name, .version = version, .commit_hash = "abc"};
  for (const auto& source : jobs) {
    JobRecord job{.spec = parse_yaml(source.spec, "job.MF")};
    job.name = job.spec.at("name").get<std::string>();
    const auto tarball = folder.path() / (name + "-" + job.name + ".tgz");
    ArchiveWriter writer(tarball);
    writer.add("job.MF", source.spec);
    writer.add("monit", "");
    for (const auto& [file, content] : source.templates) writer.add("templates/" + file, content);
    if (!source.properties_schema.empty()) writer.add("properties_schema.json", source.properties_schema);
    writer.finish();
    job.sha1 = sha256_of_file(tarball.string());
    job.version = job.fingerprint = job.sha1.substr(0, 12);
    job.blob = blobs.put_file(tarball).id;
    release.jobs.push_back(std::move(job));
  }
  stores.releases.insert(release, clock.now());
}

std::string DirectorWorld::run_artifact(ArtifactTask body, const Json& arguments) {
  std::string end;
  run(0, [&](TaskContext& context) { end = body(artifacts, context); }, arguments);
  return end;
}

void DirectorWorld::run(TaskId task, const std::function<void(TaskContext&)>& work, Json arguments) {
  Lines event(events), result(results), debug(debugs), cpi_log(debugs);
  TaskRecord record;
  record.id = task == 0 ? next_task_++ : task;
  record.user = "operator";
  record.arguments = std::move(arguments);
  TaskContext context(record, clock, event, result, debug, cpi_log, [this] { return cancelled(); },
                      [] { return false; }, [] { return true; }, [] {}, [this] { return stopping(); });
  work(context);
}

void DirectorWorld::deploy(const std::string& manifest, DeployOptions options, TaskId task) {
  run(task, [&](TaskContext& context) {
    Deploy(services, templates, context, {.manifest = manifest, .options = options}).run();
  });
}

void DirectorWorld::remove(const std::string& deployment, bool delete_disks, TaskId task) {
  run(task, [&](TaskContext& context) {
    delete_deployment(services, context, {.deployment = deployment, .delete_disks = delete_disks});
  });
}

void DirectorWorld::add_failed_deploy(TaskId task) {
  database.run("INSERT INTO tasks (id, type, state, description, result, username, deployment, context_id, arguments, "
               "created_at) VALUES (:1, 'create_deployment', 'error', '', '', '', 'dep', '', '{}', 0)",
               {task});
}

void DirectorWorld::change_instances(const std::string& deployment, Json arguments) {
  arguments["deployment"] = deployment;
  run(
      0, [&](TaskContext& context) { director::change_instances(services, templates, context); },
      std::move(arguments));
}

std::vector<Json> DirectorWorld::list(const std::string& deployment) {
  results.clear();
  run(0, [&](TaskContext& context) { list_instances(services, context, deployment, false); });
  std::vector<Json> rows;
  for (const auto& line : results) rows.push_back(Json::parse(line));
  return rows;
}

InstanceRecord DirectorWorld::instance(const std::string& group, int index) {
  for (const auto& record : stores.instances.of_deployment("dep")) {
    if (record.group == group && record.index == index) return record;
  }
  throw Error(Fault::not_found, "no instance " + group + "/" + std::to_string(index));
}

VmRecord DirectorWorld::vm(const std::string& group, int index) {
  const auto found = stores.vms.active_of(instance(group, index).id);
  if (!found) throw Error(Fault::not_found, "no VM of " + group + "/" + std::to_string(index));
  return *found;
}

std::string DirectorWorld::rendered(const std::string& group, int index, const std::string& file) {
  const auto spec = agents.spec(vm(group, index).agent).value_or(Json::object());
  const auto archive = spec.at("rendered_templates_archive").at("blobstore_id").get<std::string>();
  ArchiveReader reader(blobs.path(BlobId{archive}));
  for (ArchiveEntry entry; reader.next(entry);) {
    if (entry.name == file) return reader.read_all(1 << 20);
  }
  throw Error(Fault::not_found, file + " was not rendered for " + group + "/" + std::to_string(index));
}

std::vector<std::string> DirectorWorld::inconsistencies() {
  auto found = cloud.violations();
  for (const auto& violation : agents.violations()) found.push_back(violation);
  compare_vms(found);
  compare_disks(found);
  compare_addresses(found);
  for (const auto& lock : locks.all()) found.push_back("lock " + lock.name + " was never let go");
  return found;
}

void DirectorWorld::compare_vms(std::vector<std::string>& found) {
  std::set<std::string> known;
  std::set<AgentId> known_agents;
  for (const auto& vm : stores.vms.all()) {
    known_agents.insert(vm.agent);
    if (!vm.cid) {
      found.push_back("VM row of agent " + vm.agent.value + " was never finished");
      continue;
    }
    known.insert(vm.cid->value);
    if (!cloud.find_vm(*vm.cid)) found.push_back("VM " + vm.cid->value + " is in the store only");
    if (!vm.active) found.push_back("VM " + vm.cid->value + " is nobody's");
  }
  for (const auto& vm : stores.orphaned_vms.all()) known.insert(vm.cid.value);
  for (const auto& [cid, vm] : cloud.vms()) {
    if (!known.contains(cid.value)) found.push_back("VM " + cid.value + " is in the cloud only");
  }
  for (const auto& [cid, snapshot] : cloud.snapshots()) {
    if (!stores.snapshots.find(cid)) found.push_back("snapshot " + cid.value + " is in the cloud only");
  }
  for (const auto& agent : access.allowed()) {
    if (!known_agents.contains(agent)) found.push_back("agent " + agent.value + " is allowed on the bus and has no VM");
  }
  for (const auto& agent : known_agents) {
    if (!access.allowed().contains(agent)) found.push_back("agent " + agent.value + " is not allowed on the bus");
  }
}

void DirectorWorld::compare_disks(std::vector<std::string>& found) {
  std::set<std::string> known;
  std::set<std::pair<InstanceId, std::string>> has_active;  // by name
  // A disk outlives its deployment as an orphan.
  auto disks = stores.disks.orphaned();
  for (const auto& deployment : stores.deployments.all()) {
    for (auto& disk : stores.disks.of_deployment(deployment.name)) {
      if (disk.state != DiskState::orphaned) disks.push_back(std::move(disk));
    }
  }
  for (const auto& disk : disks) {
    known.insert(disk.cid.value);
    const auto real = cloud.find_disk(disk.cid);
    const auto name = "disk " + disk.cid.value;
    if (!real) {
      found.push_back(name + " is in the store only");
      continue;
    }
    if (disk.state == DiskState::orphaned && real->attached_to) found.push_back(name + " is an orphan on a VM");
    if (disk.state == DiskState::inactive) found.push_back(name + " was made and never used");
    if (disk.state != DiskState::active) continue;
    if (!has_active.emplace(disk.instance, disk.name).second)
      found.push_back(name + " is not its instance's only one of its name");
    const auto vm = stores.vms.active_of(disk.instance);
    if (vm && vm->cid != real->attached_to) found.push_back(name + " is not on its instance's VM");
  }
  for (const auto& [cid, disk] : cloud.disks()) {
    if (!known.contains(cid.value)) found.push_back("disk " + cid.value + " is in the cloud only");
  }
}

void DirectorWorld::compare_addresses(std::vector<std::string>& found) {
  std::set<std::string> used;
  for (const auto& vm : stores.vms.all()) {
    for (const auto& [name, network] : vm.networks.items()) used.insert(network.value("ip", ""));
  }
  for (const auto& ip : stores.ips.all()) {
    const bool waits = !ip.instance.empty() && !stores.vms.active_of(ip.instance);
    if (!waits && !used.contains(ip.address)) found.push_back("address " + ip.address + " is kept for nobody");
  }
}

std::vector<std::string> DirectorWorld::leaked_blobs() {
  std::set<std::string> used;
  for (const auto& deployment : stores.deployments.all()) {
    for (const auto& instance : stores.instances.of_deployment(deployment.name)) {
      const Json archive = instance.spec.value("rendered_templates_archive", Json::object());
      used.insert(archive.value("blobstore_id", ""));
    }
  }
  for (const auto& row : database.run("SELECT blob_id FROM dns_versions").rows) used.insert(row.text("blob_id"));
  for (const auto& row : database.run("SELECT blob FROM temporary_blobs").rows) used.insert(row.text("blob"));
  std::vector<std::string> leaked;
  for (const auto& blob : blobs.list()) {
    if (used.contains(blob.value) || stores.releases.blob_in_use(blob)) continue;
    leaked.push_back("blob " + blob.value + " is nobody's: " + read_file(blobs.path(blob)).substr(0, 40));
  }
  return leaked;
}

bool DirectorWorld::nothing_left() {
  return cloud.vms().empty() && cloud.disks().empty() && stores.vms.all().empty() &&
         stores.ips.all().empty() && access.allowed().empty() && stores.deployments.all().empty();
}

std::string three_zones(int compilation_workers) {
  return R"(
azs: [{name: z1, cloud_properties: {host: h1}}, {name: z2, cloud_properties: {host: h2}}, {name: z3, cloud_properties: {host: h3}}]
vm_types: [{name: small, cloud_properties: {cpu: 1, ram: 256}}]
disk_types: [{name: small, disk_size: 512}, {name: large, disk_size: 2048, cloud_properties: {kind: ssd}}]
networks:
- name: default
  type: manual
  subnets:
  - {range: 10.9.0.0/24, gateway: 10.9.0.1, azs: [z1, z2, z3], dns: [10.9.0.1], reserved: [10.9.0.2 - 10.9.0.9], cloud_properties: {bridge: b0}}
compilation: {workers: )" + std::to_string(compilation_workers) + R"(, az: z1, network: default, vm_type: small}
)";
}

std::string simple_manifest(int instances, const std::string& property, int disk_mib) {
  return "name: dep\n"
         "releases: [{name: app, version: latest}]\n"
         "stemcells: [{alias: default, os: debian, version: latest}]\n"
         "update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000-30000, update_watch_time: "
         "1000-30000}\n"
         "instance_groups:\n"
         "- name: server\n"
         "  instances: " +
         std::to_string(instances) +
         "\n"
         "  azs: [z1, z2, z3]\n"
         "  vm_type: small\n"
         "  stemcell: default\n"
         "  persistent_disk: " +
         std::to_string(disk_mib) +
         "\n"
         "  networks: [{name: default}]\n"
         "  jobs: [{name: server, release: app, properties: {value: " +
         property + "}}]\n";
}

std::string named_disks_manifest(int instances, const NamedDisks& disks, const std::string& property) {
  auto manifest = simple_manifest(instances, property, 0);
  std::string list;
  for (const auto& [name, type] : disks) list += (list.empty() ? "" : ", ") + ("{name: " + name + ", type: " + type + "}");
  const std::string none = "persistent_disk: 0";
  return manifest.replace(manifest.find(none), none.size(), "persistent_disks: [" + list + "]");
}

int code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  return 0;
}

}  // namespace slipway::test
