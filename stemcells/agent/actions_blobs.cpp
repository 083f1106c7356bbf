// Actions about blobs, logs, DNS and disks.
#include <pwd.h>
#include <unistd.h>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/json_text.hpp"
#include "stemcells/agent/agent.hpp"
#include "stemcells/agent/arguments.hpp"
#include "stemcells/agent/compile.hpp"
#include "stemcells/agent/dns.hpp"
#include "stemcells/agent/logs.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;

namespace {

using Flag = std::atomic<bool>;

const Json& object_argument(const Json& arguments) {
  if (arguments.empty() || !arguments[0].is_object()) throw Error(Fault::invalid, "argument 1 must be an object");
  return arguments[0];
}

std::vector<std::string> texts(const Json& array) {
  std::vector<std::string> result;
  for (const auto& item : array.is_array() ? array : Json::array()) {
    if (item.is_string()) result.push_back(item.get<std::string>());
  }
  return result;
}

std::int64_t version_number(const Json& value) {
  if (!value.is_number_integer()) throw Error(Fault::invalid, "the DNS version must be an integer");
  return value.get<std::int64_t>();
}

}  // namespace

void Agent::add_blob_actions() {
  const auto task = [this](const char* name, auto run) {
    actions_[name] = {Where::task, [run](const Json& arguments, const Flag&) -> Json { return run(arguments); }};
  };
  const auto slow = [this](const char* name, auto run) {
    actions_[name] = {Where::slow, [run](const Json& arguments, const Flag&) -> Json { return run(arguments); }};
  };
  task("compile_package", [this](const Json& in) {
    return Json{{"result", compile_package(compile_request_from(in), blobs(), options_.paths, log_)}};
  });
  task("compile_package_with_signed_url", [this](const Json& in) {
    return Json{{"result", compile_package(signed_compile_request_from(in), blobs(), options_.paths, log_)}};
  });
  task("upload_blob", [this](const Json& in) { return upload_blob(in); });
  task("fetch_logs", [this](const Json& in) { return fetch_logs(in); });
  task("fetch_logs_with_signed_url", [this](const Json& in) { return fetch_logs_signed(in); });
  slow("bundle_logs", [this](const Json& in) { return bundle_logs(in); });
  slow("remove_file", [this](const Json& in) {
    const fs::path file = fs::weakly_canonical(text_argument(in, 0, "path"));
    const auto bundles = fs::weakly_canonical(options_.paths.tmp() / "bundled-logs");
    if (file.parent_path() != bundles) throw Error(Fault::forbidden, "only bundled logs may be removed");
    fs::remove(file);
    return "removed";
  });
  slow("sync_dns", [this](const Json& in) {
    const BlobSource source{.blobstore_id = text_argument(in, 0, "blob"), .digest = text_argument(in, 1, "digest")};
    if (in.size() < 3) throw Error(Fault::invalid, "argument 3 (version) is missing");
    sync_dns(source, version_number(in[2]), blobs(), options_.paths, agent_id_);
    return "synced";
  });
  slow("sync_dns_with_signed_url", [this](const Json& in) { return sync_dns_signed(in); });
}

Json Agent::sync_dns_signed(const Json& arguments) {
  const Json& in = object_argument(arguments);
  BlobSource source{.signed_url = text_or_empty(in, "signed_url"), .digest = text_or_empty(in, "multi_digest")};
  source.headers = in.value("blobstore_headers", Json::object());
  sync_dns(source, version_number(in.value("version", Json())), blobs(), options_.paths, agent_id_);
  return "synced";
}

Json Agent::upload_blob(const Json& arguments) {
  const Json& in = object_argument(arguments);
  const std::string id = require_plain_name(text_or_empty(in, "blob_id"), "blob_id");
  const std::string content = base64_decode(text_or_empty(in, "payload"));
  const auto digest = MultiDigest::parse(text_or_empty(in, "checksum"));
  const TempDir work("upload", options_.paths.tmp());
  const fs::path file = work.path() / "blob";
  write_file_atomically(file, content, 0600);
  verify_file(file.string(), digest);
  fs::rename(file, options_.paths.blobs() / id);
  return id;
}

Json Agent::fetch_logs(const Json& arguments) {
  const TempDir work("logs", options_.paths.tmp());
  const fs::path archive = work.path() / "logs.tgz";
  pack_logs(options_.paths, text_argument(arguments, 0, "log type"), texts(arguments.size() > 1 ? arguments[1] : Json()), archive);
  const std::string sha1 = sha1_of_file(archive);
  return Json{{"blobstore_id", blobs().put(archive)}, {"sha1", sha1}};
}

Json Agent::fetch_logs_signed(const Json& arguments) {
  const Json& in = object_argument(arguments);
  const TempDir work("logs", options_.paths.tmp());
  const fs::path archive = work.path() / "logs.tgz";
  pack_logs(options_.paths, text_or_empty(in, "log_type"), texts(in.value("filters", Json())), archive);
  blobs().put_signed(text_or_empty(in, "signed_url"), in.value("blobstore_headers", Json::object()), archive);
  return Json{{"sha1", sha1_of_file(archive) + ";sha512:" + sha512_of_file(archive)}};
}

Json Agent::bundle_logs(const Json& arguments) {
  const Json& in = object_argument(arguments);
  const fs::path folder = options_.paths.tmp() / "bundled-logs";
  make_folder(folder, 0755);
  const fs::path archive = folder / (random_.uuid() + ".tgz");
  pack_logs(options_.paths, text_or_empty(in, "log_type"), texts(in.value("filters", Json())), archive);
  const std::string user = text_or_empty(in, "owning_user");
  const passwd* account = user.empty() ? nullptr : ::getpwnam(user.c_str());
  if (!user.empty() && (!account || ::chown(archive.c_str(), account->pw_uid, account->pw_gid) != 0)) {
    fs::remove(archive);
    throw Error(Fault::not_found, "cannot give the logs to the user '" + user + "'");
  }
  return Json{{"logs_tar_path", archive.string()}, {"sha512", "sha512:" + sha512_of_file(archive)}};
}

void Agent::add_disk_actions() {
  const auto task = [this](const char* name, auto run) {
    actions_[name] = {Where::task, [run](const Json& arguments, const Flag&) -> Json { return run(arguments); }};
  };
  task("add_persistent_disk", [this](const Json& in) {
    disks_.add(text_argument(in, 0, "disk cid"), in.size() > 1 ? in[1] : Json());
    return Json::object();
  });
  task("remove_persistent_disk", [this](const Json& in) {
    disks_.remove(text_argument(in, 0, "disk cid"));
    return Json::object();
  });
  task("mount_disk", [this](const Json& in) {
    const Settings now = settings();
    const auto cid = text_argument(in, 0, "disk cid");
    with_context("Mounting disk " + cid,
                 [&] { disks_.mount(cid, now.persistent_disk_fs, now.persistent_disk_mount_options); });
    return Json::object();
  });
  task("unmount_disk", [this](const Json& in) {
    return Json{{"message", disks_.unmount(text_argument(in, 0, "disk cid"))}};
  });
  task("migrate_disk", [this](const Json&) {
    disks_.migrate();
    return Json::object();
  });
  task("list_disk", [this](const Json&) { return Json(disks_.mounted()); });
  task("add_dynamic_disk", [this](const Json& in) {
    const auto cid = require_plain_name(text_argument(in, 0, "disk cid"), "disk");
    const auto device = wait_for_device(in.size() > 1 ? in[1] : Json(), cid, std::chrono::seconds(30));
    make_folder(options_.paths.data() / "dynamic_disks", 0755);
    replace_symlink(options_.paths.data() / "dynamic_disks" / cid, device);
    return Json::object();
  });
  actions_["remove_dynamic_disk"] = {Where::slow, [this](const Json& in, const Flag&) -> Json {
    std::error_code ignored;
    fs::remove(options_.paths.data() / "dynamic_disks" / require_plain_name(text_argument(in, 0, "disk cid"), "disk"), ignored);
    return Json::object();
  }};
}

}  // namespace slipway::agent
