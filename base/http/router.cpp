#include <set>

#include "base/http/client.hpp"
#include "base/http/server.hpp"

namespace slipway::http {
namespace {

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(path.front() == '/' ? 1 : 0);
    const auto end = std::min(path.find('/'), path.size());
    if (end > 0) segments.emplace_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

// The segments as they were sent, so that an escaped slash stays inside its segment.
std::vector<std::string> segments_of(const Request& request) {
  if (request.target.empty()) return split(request.path);
  auto segments = split(std::string_view(request.target).substr(0, request.target.find('?')));
  for (auto& segment : segments) segment = url_decode(segment);
  return segments;
}

bool is_parameter(const std::string& pattern) { return pattern.starts_with('{') && pattern.ends_with('}'); }

bool match(const std::vector<std::string>& pattern, const std::vector<std::string>& path,
           std::map<std::string, std::string>& parameters) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i].ends_with("*}")) {
      std::string rest;
      for (std::size_t j = i; j < path.size(); ++j) rest += (j > i ? "/" : "") + path[j];
      parameters[pattern[i].substr(1, pattern[i].size() - 3)] = rest;
      return true;
    }
    if (i >= path.size()) return false;
    if (is_parameter(pattern[i]))
      parameters[pattern[i].substr(1, pattern[i].size() - 2)] = path[i];
    else if (pattern[i] != path[i])
      return false;
  }
  return pattern.size() == path.size();
}

}  // namespace

void Router::add(const std::string& method, const std::string& pattern, Handler handler) {
  routes_.push_back({method, split(pattern), std::move(handler)});
}

Response Router::operator()(Request& request) const {
  const auto path = segments_of(request);
  std::set<std::string> allowed;
  for (const std::string& method : {request.method, std::string("GET")}) {
    if (method != request.method && request.method != "HEAD") break;  // HEAD falls back to GET
    for (const auto& route : routes_) {
      std::map<std::string, std::string> parameters;
      if (!match(route.segments, path, parameters)) continue;
      if (route.method == method) {
        request.path_params = std::move(parameters);
        return route.handler(request);
      }
      allowed.insert(route.method);
    }
  }
  if (allowed.empty()) return Response::text(404, "Not found\n");
  std::string list;
  for (const auto& method : allowed) list += (list.empty() ? "" : ", ") + method;
  auto response = Response::text(405, "Method not allowed\n");
  response.headers["Allow"] = list;
  return response;
}

}  // namespace slipway::http
