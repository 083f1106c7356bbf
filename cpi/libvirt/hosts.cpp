#include "cpi/libvirt/hosts.hpp"

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/file.hpp"
#include "base/process.hpp"
#include "cpi/libvirt/files.hpp"
#include "cpi/libvirt/paths.hpp"

namespace slipway::cpi {

namespace {

namespace fs = std::filesystem;

fs::path note_of(const LibvirtHost& host) { return StoragePaths(host.storage).switched_off(host.name); }

FileLock lock_of(const LibvirtHost& host) {
  auto file = note_of(host);
  fs::create_directories(file.parent_path());
  file.replace_extension(".lock");
  return FileLock(file, FileLock::Kind::create_file);
}

// Source: the FenceAgentAPI of ClusterLabs: options as lines of standard input; 0 is done or on, 2 is off.
int ask_fence_device(const LibvirtHost& host, const std::string& action) {
  constexpr std::chrono::minutes longest{2};
  const auto options = host.fence_options_file.empty() ? std::string() : read_file(host.fence_options_file);
  const auto result = run({.argv = {host.fence_program}, .standard_input = options + "\naction=" + action + "\n", .timeout = longest});
  if (result.exit_code >= 0) return result.exit_code;
  throw CpiError(ErrorType::cloud_error,
                 "the fence device of host '" + host.name + "', " + host.fence_program + ", " +
                     (result.timed_out ? "took more than two minutes" : "was killed") + " for action " + action,
                 true);
}

}  // namespace

bool Hosts::answers(const LibvirtHost& host) {
  try {
    connections_.require(host.uri);
    return true;
  } catch (const CpiError&) {
    return false;
  }
}

bool Hosts::is_off(const LibvirtHost& host) {
  if (!fs::exists(note_of(host))) return false;
  if (!answers(host)) return true;
  welcome_back(host);
  return false;
}

void Hosts::welcome_back(const LibvirtHost& host) {
  const auto held = lock_of(host);
  const auto note = note_of(host);
  if (!fs::exists(note)) return;
  for (const auto& vm : read_json_file(note).value("deleted", Json::array())) {
    auto domain = connections_.find(host.uri, vm.get<std::string>());
    if (!domain) continue;
    domain->stop();
    domain->undefine();
  }
  fs::remove(note);
  log_.info("host.back", {{"host", host.name}});
}

void Hosts::require_answer_or_end(const LibvirtHost& host) {
  if (host.fence_program.empty()) return connections_.require(host.uri);  // says what is wrong
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(config_.fence_after_s);
  while (!answers(host)) {
    if (std::chrono::steady_clock::now() >= deadline) return switch_off(host);
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

void Hosts::switch_off(const LibvirtHost& host) {
  const auto held = lock_of(host);
  if (fs::exists(note_of(host))) return;  // by another call
  log_.warn("host.fencing", {{"host", host.name}, {"silent_seconds", std::to_string(config_.fence_after_s)}});
  const auto done = ask_fence_device(host, "off");
  constexpr int is_off = 2;
  const auto status = done == 0 ? ask_fence_device(host, "status") : done;
  if (status != is_off) {
    throw CpiError(ErrorType::cloud_error,
                   "host '" + host.name + "' does not answer, and its fence device " + host.fence_program +
                       (done != 0 ? " did not switch it off (exit " + std::to_string(done) + ")"
                                  : " does not say that it is off (exit " + std::to_string(status) + ")") +
                       "; what it runs is not known",
                   true);
  }
  write_json_file(note_of(host), {{"deleted", Json::array()}});
  log_.warn("host.fenced", {{"host", host.name}});
}

void Hosts::remember_deleted(const LibvirtHost& host, const VmCid& vm) {
  const auto held = lock_of(host);
  auto note = read_json_file(note_of(host));
  for (const auto& known : note.at("deleted")) {
    if (known == vm.value) return;
  }
  note["deleted"].push_back(vm.value);
  write_json_file(note_of(host), note);
}

}  // namespace slipway::cpi
