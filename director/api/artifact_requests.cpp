#include "director/api/artifact_requests.hpp"

#include <filesystem>

namespace slipway::director::api {
namespace {

using namespace std::chrono_literals;

std::string header(const Request& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "" : found->second;
}

// A client whose answer was lost sends the same POST again: it gets the task it started,
// without another copy of its body.
std::optional<TaskRecord> started_before(ApiServices& services, const Request& request, const Caller& caller,
                                         const std::string& type) {
  TaskFilter filter;
  filter.context_id = header(request, "X-Bosh-Context-Id");
  if (filter.context_id.empty()) return std::nullopt;
  filter.types = {type};
  filter.include_internal = true;
  for (auto& task : services.tasks.list(filter))
    if (task.user == caller.user && task.created_at >= services.clock.now() - 10min) return task;
  return std::nullopt;
}

void read_location(const Request& request, const std::string& description, Json& arguments) {
  const auto body = request.json_body(1u << 20);
  Problems problems;
  JsonReader in(body, "request", problems);
  const auto location = in.string("location");
  const auto digest = in.string_or("sha1", "");
  if (!digest.empty() && !arguments.at("sha1").get_ref<const std::string&>().empty())
    problems.add("sha1", "stands in the body and in the query; keep one");
  problems.throw_if_any(description);
  arguments["location"] = location;
  if (!digest.empty()) arguments["sha1"] = digest;
}

}  // namespace

Response upload_artifact(ApiServices& services, Request& request, const Caller& caller, const UploadKind& kind) {
  if (const auto before = started_before(services, request, caller, kind.task_type))
    return Response::redirect("/tasks/" + std::to_string(before->id));
  TaskRecord task;
  task.type = kind.task_type;
  task.description = kind.description;
  const auto digest = text(request, "sha1");
  task.arguments = {{"fix", flag(request, "fix")}, {"rebase", flag(request, "rebase")}, {"sha1", digest}};
  if (header(request, "Content-Type").starts_with("application/json")) {
    read_location(request, kind.description, task.arguments);
    return submit(services, request, caller, std::move(task));
  }
  if (request.body->length() == 0)
    throw Error(Fault::invalid, kind.description + ": the request has no body", kind.invalid_archive);
  services.uploads.sweep(services.tasks);
  kind.receive(services, request, digest.empty() ? std::nullopt : std::optional(MultiDigest::parse(digest)),
               task.arguments);
  task.arguments.erase("sha1");
  const std::filesystem::path path = task.arguments.value("path", "");
  try {
    return submit(services, request, caller, std::move(task));
  } catch (...) {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove_all(path, ignored);
    throw;
  }
}

Response delete_artifact(ApiServices& services, const Request& request, const Caller& caller,
                         const std::string& type, const std::string& version) {
  TaskRecord task;
  task.type = type;
  const auto& name = request.path_param("name");
  task.description =
      (type == "delete_stemcell" ? "delete stemcell: " : "delete release: ") + name + (version.empty() ? "" : "/" + version);
  task.arguments = {{"name", name}, {"version", version}, {"force", flag(request, "force")}};
  return submit(services, request, caller, std::move(task));
}

}  // namespace slipway::director::api
