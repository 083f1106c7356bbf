#include "director/domain/instance_requests.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "base/digest.hpp"
#include "director/domain/error_codes.hpp"
#include "director/domain/reader.hpp"
#include "stemcells/agent/protocol/protocol.hpp"

namespace slipway::director {

namespace {

constexpr std::size_t most_filters = 1000;
constexpr std::size_t longest_filter = 1024;
constexpr std::size_t longest_key = 16u << 10;

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
}

std::vector<std::string> words(const std::string& text, std::string_view separators) {
  std::vector<std::string> found;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find_first_of(separators, at), text.size());
    if (end > at) found.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return found;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

// Agents look for globs below a folder of theirs; nothing may lead out of it.
bool stays_below(const std::string& glob) {
  if (glob.starts_with("/")) return false;
  const auto parts = words(glob, "/");
  return std::find(parts.begin(), parts.end(), "..") == parts.end();
}

// One line of an authorized_keys file without options: "TYPE BASE64 [COMMENT]", where the type
// is written inside of the key again.
bool is_public_key(const std::string& text) {
  static constexpr std::array<std::string_view, 7> types = {"ssh-rsa",
                                                            "ssh-ed25519",
                                                            "ecdsa-sha2-nistp256",
                                                            "ecdsa-sha2-nistp384",
                                                            "ecdsa-sha2-nistp521",
                                                            "sk-ssh-ed25519@openssh.com",
                                                            "sk-ecdsa-sha2-nistp256@openssh.com"};
  if (text.size() > longest_key || !is_printable(text)) return false;
  const auto parts = words(text, " ");
  if (parts.size() < 2 || std::find(types.begin(), types.end(), parts[0]) == types.end()) return false;
  try {
    const auto blob = base64_decode(parts[1]);
    const std::string inside =
        std::string({'\0', '\0', '\0', static_cast<char>(parts[0].size())}) + parts[0];
    return blob.size() > inside.size() && blob.starts_with(inside);
  } catch (const Error&) {
    return false;
  }
}

// What ends an account's life is matched by agents against account names: an anchored name, or
// the beginning of one.
bool is_user_regex(std::string text) {
  if (!text.starts_with("^bosh_")) return false;
  text.erase(0, 1);
  if (text.ends_with("$")) text.pop_back();
  if (text.ends_with(".*")) text.erase(text.size() - 2);
  return text == "bosh_" || agent::is_ssh_user(text);
}

std::string without_line_end(std::string text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

void read_setup(HashReader& params, SshRequest& request) {
  request.user = params.text("user");
  if (!request.user.empty() && !agent::is_ssh_user(request.user)) {
    params.complain("user",
                    "is " + shown(request.user) +
                        "; allowed are 'bosh_' and up to 27 lower case letters, digits, '-' and '_' after it",
                    code::invalid_value);
  }
  request.public_key = without_line_end(params.text("public_key"));
  if (!request.public_key.empty() && !is_public_key(request.public_key)) {
    params.complain("public_key", "is no public key in OpenSSH's one-line form, such as 'ssh-ed25519 AAAA… name'",
                    code::invalid_value);
  }
}

void read_cleanup(HashReader& params, SshRequest& request) {
  request.user_regex = params.text("user_regex");
  if (request.user_regex.empty() || is_user_regex(request.user_regex)) return;
  params.complain("user_regex",
                  "is " + shown(request.user_regex) +
                      "; allowed is '^bosh_' with more of a name after it, and '.*' or '$' at the end",
                  code::invalid_value);
}

}  // namespace

ErrandRequest read_errand_request(const std::string& errand, const Json& body) {
  Problems problems;
  HashReader in(body, "request", problems);
  ErrandRequest request{.errand = errand,
                        .keep_alive = in.boolean_or("keep-alive", false),
                        .when_changed = in.boolean_or("when-changed", false)};
  const auto& instances = in.array_or_empty("instances");
  if (instances.size() > most_filters) {
    in.complain("instances", "has " + std::to_string(instances.size()) + " entries, at most " +
                                 std::to_string(most_filters) + " are allowed",
                code::above_maximum);
  }
  for (std::size_t i = 0; i < std::min(instances.size(), most_filters); ++i) {
    HashReader item(instances[i], in.place(item_place("instances", i)), problems);
    const auto group = instances[i].is_object() ? item.text("group") : std::string();
    request.instances.push_back({group, item.text_or("id", "")});
  }
  problems.throw_if_any("running an errand");
  return request;
}

Json to_json(const ErrandRequest& request) {
  Json instances = Json::array();
  for (const auto& filter : request.instances) instances.push_back({{"group", filter.group}, {"id", filter.id}});
  return {{"keep-alive", request.keep_alive}, {"when-changed", request.when_changed}, {"instances", instances}};
}

LogsRequest read_logs_request(const Json& query) {
  Problems problems;
  HashReader in(query, "query", problems);
  LogsRequest request;
  std::set<std::string> types;
  for (const auto& type : words(in.text_or("type", ""), ", ")) {
    types.insert(type);
    if (type == "agent" || type == "job" || type == "system") continue;
    in.complain("type", "names " + shown(type) + "; allowed are 'agent', 'job' and 'system', joined by commas",
                code::invalid_value);
  }
  request.types = types.empty() ? "job" : joined({types.begin(), types.end()});
  request.filters = words(in.text_or("filters", ""), ", \t\r\n");
  for (const auto& filter : request.filters) {
    if (filter.size() > longest_filter || !is_printable(filter) || !stays_below(filter)) {
      in.complain("filters", "has " + shown(filter) + "; allowed are globs below the log folder, without '..'",
                  code::invalid_value);
    }
  }
  if (request.filters.size() > most_filters) {
    in.complain("filters", "has more than " + std::to_string(most_filters) + " globs", code::above_maximum);
  }
  problems.throw_if_any("fetching logs");
  return request;
}

Json to_json(const LogsRequest& request) {
  return {{"type", request.types}, {"filters", joined(request.filters)}};
}

SshRequest read_ssh_request(const std::string& deployment, const Json& body) {
  Problems problems;
  HashReader in(body, "request", problems);
  SshRequest request;
  const auto command = in.text("command");
  request.setup = command != "cleanup";
  if (!command.empty() && command != "setup" && command != "cleanup")
    in.complain("command", "is " + shown(command) + "; allowed are 'setup' and 'cleanup'", code::invalid_value);
  if (const auto named = in.text_or("deployment_name", deployment); named != deployment) {
    in.complain("deployment_name", "is " + shown(named) + ", but the path says " + shown(deployment),
                code::invalid_value);
  }
  HashReader target(in.hash_or_empty("target"), in.place("target"), problems);
  request.group = target.text_or("job", "");
  request.ids = target.texts_or_empty("ids");
  if (request.ids.empty()) request.ids = target.texts_or_empty("indexes");
  HashReader params(in.hash("params"), in.place("params"), problems);
  if (in.has("params")) request.setup ? read_setup(params, request) : read_cleanup(params, request);
  problems.throw_if_any("ssh");
  return request;
}

Json to_json(const SshRequest& request) {
  const Json params = request.setup ? Json{{"user", request.user}, {"public_key", request.public_key}}
                                    : Json{{"user_regex", request.user_regex}};
  return {{"command", request.setup ? "setup" : "cleanup"},
          {"target", {{"job", request.group}, {"ids", request.ids}}},
          {"params", params}};
}

bool is_called(const InstanceRecord& instance, const std::string& id_or_index) {
  return instance.id.value == id_or_index || std::to_string(instance.index) == id_or_index;
}

}  // namespace slipway::director
