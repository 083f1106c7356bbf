#include "base/file.hpp"
#include "health-monitor/config.hpp"
#include "health-monitor/plugins/email.hpp"
#include "health-monitor/plugins/process.hpp"
#include "health-monitor/plugins/webhook.hpp"

namespace slipway::health {

namespace {

std::string first_line(const std::string& file) {
  const auto text = read_file(file, 1u << 16);
  return text.substr(0, text.find_first_of("\r\n"));
}

Secret secret_in(const std::string& file) { return Secret(file.empty() ? "" : first_line(file)); }

int severity(JsonReader& in, int fallback) { return static_cast<int>(in.integer_or("least_severe", fallback, 1, 5)); }

std::unique_ptr<Plugin> webhook(JsonReader& in) {
  WebhookOptions options;
  options.url = in.string("url");
  const auto ca = in.string_or("ca_file", "");
  const auto authorization = in.string_or("authorization_file", "");
  options.least_severe = severity(in, options.least_severe);
  in.refuse_unknown();
  if (options.url.empty()) return nullptr;
  if (!ca.empty()) options.ca_pem = read_file(ca);
  options.authorization = secret_in(authorization);
  return make_webhook(std::move(options));
}

std::unique_ptr<Plugin> email(JsonReader& in, Problems& problems) {
  EmailOptions options;
  options.host = in.string("host");
  options.port = static_cast<int>(in.integer_or("port", options.port, 1, 65535));
  const auto tls = in.string_or("tls", "starttls");
  if (tls == "none")
    options.tls = MailTls::none;
  else if (tls == "implicit")
    options.tls = MailTls::implicit;
  else if (tls != "starttls")
    problems.add(in.place("tls"), "'" + tls + "' is not one of starttls, implicit and none");
  options.ca_file = in.string_or("ca_file", "");
  options.user = in.string_or("user", "");
  const auto password = in.string_or("password_file", "");
  options.from = in.string("from");
  options.to = in.strings_or_empty("to");
  if (options.to.empty()) problems.add(in.place("to"), "has to list at least one address");
  for (auto address : options.to) {
    if (address.find_first_of("\r\n<>") != std::string::npos)
      problems.add(in.place("to"), "'" + address + "' is no plain address");
  }
  if (options.from.find_first_of("\r\n<>") != std::string::npos)
    problems.add(in.place("from"), "has to be a plain address");
  options.least_severe = severity(in, options.least_severe);
  options.pause = std::chrono::seconds(in.integer_or("pause_seconds", options.pause.count(), 0, 86'400));
  if (!options.user.empty() && options.tls == MailTls::none)
    problems.add(in.place("tls"), "a password is not sent without TLS");
  in.refuse_unknown();
  options.password = secret_in(password);
  return make_email(std::move(options));
}

std::unique_ptr<Plugin> process(JsonReader& in, Problems& problems, const Log& log) {
  ProcessOptions options;
  options.command = in.strings_or_empty("command");
  options.heartbeats = in.boolean_or("heartbeats", options.heartbeats);
  in.refuse_unknown();
  if (options.command.empty() || !options.command.front().starts_with('/')) {
    problems.add(in.place("command"), "has to be a list: an absolute path and arguments");
    return nullptr;
  }
  return make_process(std::move(options), log);
}

}  // namespace

std::vector<std::unique_ptr<Plugin>> make_plugins(const Json& list, Log log) {
  std::vector<std::unique_ptr<Plugin>> plugins;
  Problems problems;
  if (!list.is_array()) problems.add("plugins", "has to be a list");
  for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
    JsonReader in(list[i], "plugins[" + std::to_string(i) + "]", problems);
    const auto type = in.string("type");
    std::unique_ptr<Plugin> plugin;
    if (type == "webhook")
      plugin = webhook(in);
    else if (type == "email")
      plugin = email(in, problems);
    else if (type == "process")
      plugin = process(in, problems, log);
    else
      problems.add(in.place("type"), "'" + type + "' is not one of webhook, email and process");
    if (plugin) plugins.push_back(std::move(plugin));
  }
  problems.throw_if_any("plugins");
  return plugins;
}

}  // namespace slipway::health
