#include "pks-api/api/routes.hpp"

#include <charconv>

namespace slipway::pks {

namespace {

using http::Request;
using http::Response;

int status_of(Fault fault) {
  switch (fault) {
    case Fault::invalid:
      return 400;
    case Fault::unauthenticated:
      return 401;
    case Fault::forbidden:
      return 403;
    case Fault::not_found:
      return 404;
    case Fault::conflict:
      return 409;
    case Fault::exhausted:
      return 413;
    case Fault::retryable:
    case Fault::outcome_unknown:
      return 503;
    case Fault::cancelled:
    case Fault::internal:
      return 500;
  }
  return 500;
}

Response problem(int status, const std::string& text, const std::string& code) {
  return Response::json(status, {{"body", text}, {"code", code}});
}

Caller require_caller(Services& services, const Request& request, Need need) {
  const auto header = request.headers.find("Authorization");
  auto caller = header == request.headers.end() ? std::nullopt : services.identity.caller(header->second);
  if (!caller)
    throw Error(Fault::unauthenticated,
                "The access token is missing, expired or not valid here; log in again");
  if (need == Need::a_scope && !caller->reads_all() && !caller->changes()) {
    throw Error(Fault::forbidden,
                "the token has none of the scopes pks.clusters.admin, .manage and .admin.read");
  }
  return std::move(*caller);
}

}  // namespace

void Routes::add(const std::string& method, const std::string& pattern, Authorized handler, Need need) {
  const auto route = "/v1" + pattern;
  all_.insert(method + " " + route);
  router_.add(method, route,
              [&s = services_, method, route, need, handler = std::move(handler)](Request& request) {
                const auto begun = s.clock.monotonic();
                AuditEntry entry{"", request.remote_address, method + " " + route, request.path, "begun", 0};
                // An order is in the audit log before anything is done; a look at something is, when it was
                // seen.
                const bool changes = method != "GET";
                auto response = Response::empty(500);
                try {
                  const auto caller = require_caller(s, request, need);
                  entry.who = caller.name;
                  if (changes) s.audit.append(entry, true);
                  response = handler(request, caller);
                } catch (const std::exception& error) {
                  response = error_reply(error, s.log);
                }
                entry.status = response.status;
                entry.outcome = response.status < 400 ? "done" : response.status < 500 ? "refused" : "failed";
                try {
                  s.audit.append(entry, changes);
                } catch (const std::exception& error) {
                  s.log.error("audit.trouble", {{"error", error.what()}});
                  if (!changes) response = error_reply(error, s.log);  // what was not noted is not shown
                }
                s.counts.add(method, route, response.status, s.clock.monotonic() - begun);
                // Reading is not worth a line by default; an order is.
                const Log::Fields fields = {{"method", request.method},
                                            {"path", request.path},
                                            {"user", entry.who},
                                            {"status", std::to_string(response.status)}};
                changes ? s.log.info("api.request", fields) : s.log.debug("api.request", fields);
                return response;
              });
}

std::int64_t number_in_query(const Request& request, const std::string& name, std::int64_t max) {
  const auto text = request.query_value(name).value_or("0");
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || value < 0 || value > max) {
    throw Error(Fault::invalid, "query '" + name + "' has to be a number from 0 to " + std::to_string(max));
  }
  return value;
}

bool flag_in_query(const Request& request, const std::string& name) {
  const auto text = request.query_value(name).value_or("false");
  if (text != "true" && text != "false")
    throw Error(Fault::invalid, "query '" + name + "' has to be true or false");
  return text == "true";
}

http::Response error_reply(const std::exception& error, const Log& log) {
  const auto ours = dynamic_cast<const Error*>(&error);
  const auto status = ours ? status_of(ours->fault()) : 500;
  if (status >= 500) log.error("api.error", {{"error", error.what()}});
  if (status == 500)
    return problem(500, "An internal error occurred; the log of the API tells more", "internal");
  const bool over_quota = dynamic_cast<const QuotaExceeded*>(&error) != nullptr;
  auto response =
      problem(status, ours->what(), over_quota ? "quota_exceeded" : std::string(to_string(ours->fault())));
  if (status == 401) response.headers["WWW-Authenticate"] = "Bearer";
  return response;
}

}  // namespace slipway::pks
