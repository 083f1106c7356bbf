#include "director/config.hpp"

#include <set>

namespace slipway::director {

namespace {

std::vector<UserConfig> read_users(Config& file) {
  const Json list =
      file.value("users", Json::array(),
                 "who may use the API: a list of {name, password_hash, scopes}; hashes are made by "
                 "`slipway-director hash-password`");
  Problems problems;
  std::vector<UserConfig> users;
  std::set<std::string> names;
  if (!list.is_array()) problems.add("users", "has to be a list");
  for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
    JsonReader in(list[i], "users[" + std::to_string(i) + "]", problems);
    UserConfig user{in.string("name"), in.string("password_hash"), in.strings_or_empty("scopes")};
    in.refuse_unknown();
    if (!names.insert(user.name).second) problems.add(in.place("name"), "'" + user.name + "' is there twice");
    users.push_back(std::move(user));
  }
  problems.throw_if_any("users");
  return users;
}

// A CPI config can choose among these and cannot bring its own.
std::map<std::string, std::vector<std::string>> read_programs(Config& file) {
  const Json programs = file.value("cpi.programs", Json::object(),
                                   "programs a CPI config may name as `exec_path`: {path: [argv…]}; any other is refused");
  Problems problems;
  std::map<std::string, std::vector<std::string>> out;
  if (!programs.is_object()) {
    problems.add("cpi.programs", "has to be a mapping of paths to argv lists");
    problems.throw_if_any("cpi.programs");
  }
  for (const auto& [path, command] : programs.items()) {
    const auto place = "cpi.programs." + path;
    if (!path.starts_with('/')) problems.add(place, "has to be an absolute path");
    if (!command.is_array() || command.empty()) problems.add(place, "has to be a list: the program and its arguments");
    for (const auto& word : command.is_array() ? command : Json::array()) {
      if (word.is_string()) out[path].push_back(word.get<std::string>());
      else problems.add(place, "has to be a list of texts");
    }
  }
  problems.throw_if_any("cpi.programs");
  return out;
}

}  // namespace

DirectorConfig read_director_config(Config& in) {
  DirectorConfig c;
  c.name = in.string("name", "slipway", "name of the director, first part of variable names");
  c.uuid = in.string("uuid", "identity of this installation, kept for its life");
  c.listen_address = in.string("listen_address", "0.0.0.0", "address the REST API listens on");
  c.port = static_cast<int>(in.integer("port", 25555, 1, 65535, "port of the REST API"));
  c.certificate_file = in.path("tls.certificate_file", "PEM certificate of API and blobstore (RSA)");
  c.private_key_file = in.path("tls.private_key_file", "its key, readable by the director only");
  c.state_folder =
      in.path("state_folder", "where blobs, task outputs, work files and the bus configuration live");
  c.database_url = in.string("database_url", "sqlite:///path/director.db or postgresql://user@host/db");
  c.encryption_key_file = in.path("encryption_key_file", "32 bytes in hex that seal secrets in the store");
  c.users = read_users(in);
  c.token_key_files =
      in.strings("token_public_key_files", {}, "PEM public keys whose RS256 tokens are trusted");
  c.workers = static_cast<int>(in.integer("workers", 3, 1, 256, "tasks that run at once"));
  c.urgent_workers =
      static_cast<int>(in.integer("urgent_workers", 2, 1, 64, "workers kept free for listings"));
  c.request_threads = static_cast<int>(
      in.integer("request_threads", 16, 2, 512, "requests handled at once, waiting ones included"));
  c.max_parallel = static_cast<int>(
      in.integer("max_parallel", 32, 1, 512, "cloud calls and agent conversations of one task at once"));
  c.agent_wait_seconds = static_cast<int>(
      in.integer("agent_wait_seconds", 600, 1, 7200, "how long a new VM's agent may take to answer"));
  c.agent_heartbeat_seconds = static_cast<int>(
      in.integer("agent_heartbeat_seconds", 0, 0, 3600,
                 "seconds between two heartbeats of the agents of new VMs; 0: what their stemcell says, 30 in ours"));
  c.keep_unreachable_vms =
      in.boolean("keep_unreachable_vms", false, "leave a VM that does not answer for inspection");
  c.enable_snapshots = in.boolean("enable_snapshots", false,
                                  "take snapshots of persistent disks, on request and before each update");
  c.orphaned_disk_lifetime_hours = static_cast<int>(
      in.integer("orphaned_disk_lifetime_hours", 120, 1, 87600, "how long an orphaned disk is kept"));
  c.failed_vm_bundles = in.boolean("failed_vms.bundles", true,
                                   "keep the logs of a VM as a blob before a repair replaces it: as its agent packs them, else "
                                   "as a CPI with get_vm_logs reads them");
  c.bundles_per_deployment = static_cast<int>(
      in.integer("failed_vms.bundles_per_deployment", 10, 1, 1000, "the newest are kept"));
  c.bundle_lifetime_hours =
      static_cast<int>(in.integer("failed_vms.bundle_lifetime_hours", 168, 1, 87600, "how long each is kept"));
  c.bundle_max_mib = static_cast<int>(in.integer("failed_vms.bundle_max_mib", 32, 1, 1024, "of logs in one bundle"));
  c.hold_failed_vms_hours = static_cast<int>(
      in.integer("failed_vms.hold_hours", 0, 0, 8760,
                 "keep the replaced VM itself for so long, powered off, without its disks, as an orphaned VM; 0, or a CPI "
                 "without power_off_vm: it is deleted at once"));
  c.held_vms_per_deployment = static_cast<int>(
      in.integer("failed_vms.held_per_deployment", 3, 1, 1000, "as many are held at once; the next ones are deleted"));
  c.blobstore_address = in.string("blobstore.listen_address", "0.0.0.0", "address agents fetch blobs from");
  c.blobstore_port = static_cast<int>(in.integer("blobstore.port", 25250, 1, 65535, "its port"));
  c.blobstore_public_url = in.string("blobstore.public_url", "https://ADDRESS:PORT as agents dial it");
  c.blobstore_user = in.string("blobstore.agent_user", "agent", "user name of agents of stemcells below API version 3");
  c.blobstore_password_file = in.path("blobstore.agent_password_file", "file with the password of those agents");
  c.blobstore_ca_file = in.path("blobstore.ca_file", "PEM CA that agents verify the blobstore with");
  c.nats_program = in.string("nats.program", "/usr/sbin/nats-server", "the message bus; run as a child");
  c.nats_address = in.string("nats.listen_address", "0.0.0.0", "address agents connect to");
  c.nats_port = static_cast<int>(in.integer("nats.port", 4222, 1, 65535, "its port"));
  c.nats_certificate_names =
      in.strings("nats.certificate_names", {}, "addresses and names in the bus certificate");
  c.cpi_command = in.strings("cpi.command", {}, "argv of the default CPI");
  c.cpi_properties = in.value("cpi.properties", Json::object(), "merged into the context of each CPI call");
  c.cpi_programs = read_programs(in);
  c.cpi_timeout_seconds =
      static_cast<int>(in.integer("cpi.timeout_seconds", 1800, 1, 86400, "limit of one CPI call"));
  c.dns_domain = in.string("dns.domain", "bosh", "top level domain of instance names");
  c.dns_hosts_file = in.path("dns.hosts_file", "", "when set, every record is written here in hosts format");
  c.own_addresses = in.strings("own_addresses", {}, "addresses never given to a node");
  c.log_file = in.path("log.file", "", "where the log goes; empty: standard error");
  c.log_level = in.string("log.level", "info", "debug, info, warn or error");
  in.finish();
  return c;
}

}  // namespace slipway::director
