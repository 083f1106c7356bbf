#include "cpi/contract/exec_client.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <optional>

#include "base/clock.hpp"
#include "base/digest.hpp"
#include "base/random.hpp"
#include "cpi/contract/redaction.hpp"

namespace slipway::cpi {

namespace {

constexpr int oldest_version = 2;
constexpr int newest_version = 3;

std::map<std::string, std::string> default_environment() {
  const auto inherited = [](const char* name, const char* fallback) {
    const char* value = std::getenv(name);
    return std::string(value != nullptr && *value != '\0' ? value : fallback);
  };
  return {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"},
          {"TMPDIR", inherited("TMPDIR", "/tmp")},
          {"HOME", inherited("HOME", "/")}};
}

std::string new_request_id() {
  SystemRandom random;
  return "cpi-" + random.text(6, "0123456789");
}

std::string excerpt(const std::string& text) {
  constexpr std::size_t most = 200;
  return text.size() <= most ? text : text.substr(0, most) + "…";
}

// What became of the process when it did not answer; empty when it ended by itself.
std::string how_it_was_stopped(const ProcessResult& ended, const ExecOptions& options) {
  if (ended.was_cancelled) return "was cancelled";
  if (ended.timed_out) return "did not answer within " + std::to_string(options.timeout.count()) + " s and was killed";
  if (ended.too_much_output) {
    return "printed more than " + std::to_string(options.max_output_bytes) + " bytes and was killed";
  }
  return {};
}

// Logs do not hold other logs.
Json shortened(Json response) {
  constexpr std::size_t most = 16u << 10;
  auto& result = response["result"];
  if (result.is_string() && result.get_ref<const std::string&>().size() > most)
    result = "(" + std::to_string(result.get_ref<const std::string&>().size()) + " bytes)";
  return response;
}

std::string last_line(const std::string& text) {
  const auto end = text.find_last_not_of(" \r\n");
  if (end == std::string::npos) return {};
  const auto begin = text.find_last_of('\n', end);
  return text.substr(begin == std::string::npos ? 0 : begin + 1, end - (begin == std::string::npos ? 0 : begin + 1) + 1);
}

// The document, or nothing and the reason.
std::optional<Json> read_response(const ProcessResult& ended, std::size_t max_bytes, std::string& problem) {
  Json response;
  try {
    response = parse_json(ended.standard_output, "the CPI's output", {.max_bytes = max_bytes});
  } catch (const Error& error) {
    if (ended.standard_output.empty()) {
      problem = ended.signal != 0 ? "ended by signal " + std::to_string(ended.signal) + " without an answer"
                                  : "ended with status " + std::to_string(ended.exit_code) + " without an answer";
      if (const auto line = last_line(ended.standard_error); !line.empty()) problem += ": " + excerpt(line);
    } else {
      problem = std::string("gave an invalid response, not one JSON document (") + error.what() + "): '" +
                excerpt(ended.standard_output) + "'";
    }
    return std::nullopt;
  }
  if (!response.is_object()) {
    problem = "gave an invalid response, not an object: '" + excerpt(ended.standard_output) + "'";
    return std::nullopt;
  }
  std::string wrong;
  for (const char* key : {"result", "error", "log"}) {
    if (!response.contains(key)) wrong += (wrong.empty() ? "'" : ", '") + std::string(key) + "' is missing";
  }
  if (response.contains("log") && !response["log"].is_string()) wrong += "'log' is not a string";
  if (response.contains("error") && !response["error"].is_null()) {
    const auto& error = response["error"];
    const auto text = [&](const char* key) { return error.contains(key) && error[key].is_string(); };
    if (!error.is_object() || !text("type") || !text("message")) wrong += "'error' has no 'type' and 'message'";
  }
  if (wrong.empty()) return response;
  problem = "gave an invalid response: " + wrong;
  return std::nullopt;
}

CpiError error_from_wire(const std::string& method, const Json& error, const Redactor& redactor) {
  const auto type_text = error["type"].get<std::string>();
  const auto message = redactor.text(error["message"].get<std::string>());
  const bool retry = error.contains("ok_to_retry") && error["ok_to_retry"].is_boolean() && error["ok_to_retry"].get<bool>();
  const auto type = error_type_from_wire(type_text);
  if (type != ErrorType::unknown) return CpiError(type, message, retry);
  if (type_text == "InvalidCall") {
    if (message.rfind("Method is not known, got", 0) == 0) return CpiError(ErrorType::not_implemented, message);
    return CpiError(ErrorType::unknown, Fault::invalid, "CPI refused '" + method + "': " + message, false);
  }
  return CpiError(ErrorType::unknown,
                  "Unknown CPI error '" + redactor.text(type_text) + "' with message '" + message + "' in '" + method + "' CPI method",
                  retry);
}

[[noreturn]] void wrong_result(const std::string& method, const std::string& expected, bool changes) {
  throw CpiError(ErrorType::unknown, changes ? Fault::outcome_unknown : Fault::internal,
                 "CPI method '" + method + "' gave an invalid response: result is not " + expected, false);
}

std::string cid_of(const std::string& method, const Json& value, bool changes = true) {
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
    wrong_result(method, "a non-empty string", changes);
  }
  return value.get<std::string>();
}

}  // namespace

struct ExecCpi::Shared {
  std::mutex mutex;
  std::optional<Info> info;
};

ExecCpi::ExecCpi(ExecOptions options, CallObserver observer)
    : options_(std::move(options)), observer_(std::move(observer)), shared_(std::make_shared<Shared>()) {
  if (options_.command.empty()) throw Error(Fault::invalid, "the CPI's command is empty");
  if (options_.env.empty()) options_.env = default_environment();
}

ExecCpi ExecCpi::observed_by(CallObserver observer) const {
  ExecCpi copy(*this);
  copy.observer_ = std::move(observer);
  return copy;
}

Json ExecCpi::exchange(const std::string& method, Json arguments, Effect effect, int version,
                       const std::string& idempotency_key) {
  const auto id = new_request_id();
  Json request{{"method", method}, {"arguments", std::move(arguments)}};
  request["context"] = options_.context.is_object() ? options_.context : Json::object();
  request["context"]["director_uuid"] = options_.director_uuid;
  request["context"]["request_id"] = id;
  if (!idempotency_key.empty()) request["context"]["idempotency_key"] = idempotency_key;
  if (version > 0) request["api_version"] = version;

  const Redactor redactor(request, options_.secrets);
  const auto log = [&](const std::string& line) {
    if (observer_.log) observer_.log("[external-cpi] [" + id + "] " + line);
  };
  auto shown = redactor.json(request);
  for (const auto& [key, value] : options_.context.items()) shown["context"][key] = Redactor::mark;
  log("request: " + dump(shown) + " with command: " + options_.command.front());

  ProcessSpec spec;
  spec.argv = options_.command;
  spec.env = options_.env;
  spec.standard_input = request.dump();
  spec.timeout = options_.timeout;
  spec.max_output_bytes = options_.max_output_bytes;
  spec.cancelled = observer_.cancelled;
  spec.on_stderr_line = [&](std::string_view line) { log(redactor.text(line)); };

  const SystemClock clock;
  const auto begun = clock.monotonic();
  ProcessResult ended;
  try {
    ended = options_.run(spec);
  } catch (const Error& error) {
    // Nothing ran. A retry meets the same wrong path, so it is no `retryable`.
    throw CpiError(ErrorType::cpi_error, Fault::internal,
                   "the CPI '" + options_.command.front() + "' cannot be started: " + error.what(), false);
  }
  const double seconds = std::chrono::duration<double>(clock.monotonic() - begun).count();
  char took[32];
  std::snprintf(took, sizeof took, "%.3f s", seconds);

  auto problem = how_it_was_stopped(ended, options_);
  std::optional<Json> response;
  if (problem.empty()) response = read_response(ended, options_.max_output_bytes, problem);
  if (!response) {
    problem = "CPI method '" + method + "': the CPI " + redactor.text(problem);
    log(problem + " (" + took + ")");
    auto fault = Fault::outcome_unknown;
    if (effect == Effect::looks) fault = ended.was_cancelled ? Fault::cancelled : Fault::internal;
    throw CpiError(ErrorType::unknown, fault, problem, false);
  }
  if (const auto& text = (*response)["log"].get_ref<const std::string&>(); !text.empty()) log(redactor.text(text));
  response->erase("log");
  log("response: " + dump(redactor.json(shortened(*response))) + ", took " + took);
  if (!(*response)["error"].is_null()) throw error_from_wire(method, (*response)["error"], redactor);
  return (*response)["result"];
}

Json ExecCpi::call(const std::string& method, Json arguments, Effect effect, const std::string& idempotency_key) {
  return exchange(method, std::move(arguments), effect, api_version(), idempotency_key);
}

int ExecCpi::api_version() {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->info) return std::min(shared_->info->api_version, newest_version);
  }
  return std::min(info().api_version, newest_version);
}

Info ExecCpi::read_info(const Json& result) const {
  Info info;
  const auto version = result.is_object() ? result.find("api_version") : result.end();
  const bool has_version = result.is_object() && version != result.end() && version->is_number_integer();
  info.api_version = has_version ? version->get<int>() : 1;
  if (info.api_version < oldest_version) {
    throw CpiError(ErrorType::not_supported,
                   "the CPI '" + options_.command.front() + "' reports API version " +
                       (has_version ? std::to_string(info.api_version) : std::string("none")) +
                       "; the director needs 2 or 3");
  }
  if (const auto formats = result.find("stemcell_formats"); formats != result.end() && formats->is_array()) {
    for (const auto& format : *formats) {
      if (format.is_string()) info.stemcell_formats.push_back(format.get<std::string>());
    }
  }
  return info;
}

Info ExecCpi::info() {
  auto info = read_info(exchange("info", Json::array(), Effect::looks, 0));
  const std::lock_guard lock(shared_->mutex);
  shared_->info = info;
  return info;
}

StemcellCid ExecCpi::create_stemcell(const std::string& image_path, const Json& cloud_properties, const Json& tags) {
  Json arguments{image_path, cloud_properties};
  if (api_version() >= 3) arguments.push_back(Json{{"tags", tags.is_object() ? tags : Json::object()}});
  return {cid_of("create_stemcell", call("create_stemcell", std::move(arguments), Effect::changes))};
}

void ExecCpi::delete_stemcell(const StemcellCid& stemcell) {
  call("delete_stemcell", Json::array({stemcell.value}), Effect::changes);
}

CreatedVm ExecCpi::create_vm(const CreateVm& request) {
  Json disks = Json::array();
  for (const auto& disk : request.disks) disks.push_back(disk.value);
  const auto result = call("create_vm",
                           Json::array({request.agent.value, request.stemcell.value, request.cloud_properties,
                                        request.networks, disks, request.env}),
                           Effect::changes);
  if (!result.is_array() || result.empty()) wrong_result("create_vm", "[vm cid, networks]", true);
  CreatedVm created{{cid_of("create_vm", result[0])}, Json::object()};
  if (result.size() > 1 && result[1].is_object()) created.networks = result[1];
  return created;
}

void ExecCpi::delete_vm(const VmCid& vm) { call("delete_vm", Json::array({vm.value}), Effect::changes); }

void ExecCpi::reboot_vm(const VmCid& vm) { call("reboot_vm", Json::array({vm.value}), Effect::changes); }

bool ExecCpi::has_vm(const VmCid& vm) {
  const auto result = call("has_vm", Json::array({vm.value}), Effect::looks);
  if (!result.is_boolean()) wrong_result("has_vm", "true or false", false);
  return result.get<bool>();
}

void ExecCpi::set_vm_metadata(const VmCid& vm, const Json& metadata) {
  call("set_vm_metadata", Json::array({vm.value, metadata}), Effect::changes);
}

Json ExecCpi::calculate_vm_cloud_properties(const VmRequirements& requirements) {
  const Json wanted{{"cpu", requirements.cpu},
                    {"ram", requirements.ram_mib},
                    {"ephemeral_disk_size", requirements.ephemeral_disk_mib}};
  const auto result = call("calculate_vm_cloud_properties", Json::array({wanted}), Effect::looks);
  if (!result.is_object()) wrong_result("calculate_vm_cloud_properties", "an object", false);
  return result;
}

DiskCid ExecCpi::create_disk(std::int64_t size_mib, const Json& cloud_properties, const std::optional<VmCid>& near_vm,
                             const std::string& idempotency_key) {
  Json arguments = Json::array({size_mib, cloud_properties, nullptr});
  if (near_vm) arguments[2] = near_vm->value;
  return {cid_of("create_disk", call("create_disk", std::move(arguments), Effect::changes, idempotency_key))};
}

void ExecCpi::delete_disk(const DiskCid& disk) { call("delete_disk", Json::array({disk.value}), Effect::changes); }

bool ExecCpi::has_disk(const DiskCid& disk) {
  const auto result = call("has_disk", Json::array({disk.value}), Effect::looks);
  if (!result.is_boolean()) wrong_result("has_disk", "true or false", false);
  return result.get<bool>();
}

Json ExecCpi::attach_disk(const VmCid& vm, const DiskCid& disk) {
  const auto hint = call("attach_disk", Json::array({vm.value, disk.value}), Effect::changes);
  if (hint.is_string() && !hint.get_ref<const std::string&>().empty()) {
    // Agents try a bare string as both.
    return Json{{"path", hint}, {"volume_id", hint}};
  }
  if (!hint.is_object() || hint.empty()) wrong_result("attach_disk", "a non-empty device hint", true);
  return hint;
}

void ExecCpi::detach_disk(const VmCid& vm, const DiskCid& disk) {
  call("detach_disk", Json::array({vm.value, disk.value}), Effect::changes);
}

std::vector<DiskCid> ExecCpi::get_disks(const VmCid& vm) {
  const auto result = call("get_disks", Json::array({vm.value}), Effect::looks);
  if (!result.is_array()) wrong_result("get_disks", "a list of disk cids", false);
  std::vector<DiskCid> disks;
  for (const auto& item : result) disks.push_back({cid_of("get_disks", item, false)});
  return disks;
}

void ExecCpi::set_disk_metadata(const DiskCid& disk, const Json& metadata) {
  call("set_disk_metadata", Json::array({disk.value, metadata}), Effect::changes);
}

void ExecCpi::resize_disk(const DiskCid& disk, std::int64_t new_size_mib) {
  call("resize_disk", Json::array({disk.value, new_size_mib}), Effect::changes);
}

std::optional<DiskCid> ExecCpi::update_disk(const DiskCid& disk, std::int64_t new_size_mib,
                                            const Json& cloud_properties) {
  const auto result = call("update_disk", Json::array({disk.value, new_size_mib, cloud_properties}), Effect::changes);
  if (result.is_null()) return std::nullopt;
  const DiskCid answered{cid_of("update_disk", result)};
  if (answered == disk) return std::nullopt;
  return answered;
}

SnapshotCid ExecCpi::snapshot_disk(const DiskCid& disk, const Json& metadata) {
  return {cid_of("snapshot_disk", call("snapshot_disk", Json::array({disk.value, metadata}), Effect::changes))};
}

void ExecCpi::delete_snapshot(const SnapshotCid& snapshot) {
  call("delete_snapshot", Json::array({snapshot.value}), Effect::changes);
}

Json ExecCpi::create_network(const Json& subnet_definition) {
  const auto result = call("create_network", Json::array({subnet_definition}), Effect::changes);
  if (!result.is_array() || result.size() != 3) wrong_result("create_network", "[id, addresses, cloud properties]", true);
  return result;
}

void ExecCpi::delete_network(const NetworkCid& network) {
  call("delete_network", Json::array({network.value}), Effect::changes);
}

// A look that somebody waits for in the middle of a repair: it ends soon, whatever the other calls may take.
std::string ExecCpi::get_vm_logs(const VmCid& vm, std::int64_t max_bytes) {
  constexpr std::chrono::seconds longest{60};
  ExecCpi looking(*this);
  looking.options_.timeout = std::min(options_.timeout, longest);
  // What cannot be compressed is no longer in base64 than this, with the document around it.
  looking.options_.max_output_bytes += static_cast<std::size_t>(max_bytes) / 2 * 3;
  const auto result = looking.call("get_vm_logs", Json::array({vm.value, max_bytes}), Effect::looks);
  if (!result.is_string()) wrong_result("get_vm_logs", "a tar in base64", false);
  try {
    return base64_decode(result.get_ref<const std::string&>());
  } catch (const Error&) {
    wrong_result("get_vm_logs", "a tar in base64", false);
  }
}

void ExecCpi::power_off_vm(const VmCid& vm) { call("power_off_vm", Json::array({vm.value}), Effect::changes); }

}  // namespace slipway::cpi
