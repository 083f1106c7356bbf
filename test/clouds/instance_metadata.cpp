#include "test/clouds/instance_metadata.hpp"

#include "base/random.hpp"

namespace slipway::test {

namespace {

std::string header(const http::Request& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? std::string() : found->second;
}

}  // namespace

InstanceMetadata::InstanceMetadata(const std::string& address, int port, std::string user_data)
    : address_(address), user_data_(std::move(user_data)) {
  server_ = std::make_unique<http::Server>(
      http::ServerConfig{.address = address, .port = port, .threads = 2},
      [this](http::Request& request) { return answer(request); }, Log::discard());
}

std::string InstanceMetadata::url() const { return "http://" + address_ + ":" + std::to_string(server_->port()); }

std::vector<std::string> InstanceMetadata::exchanges() const {
  const std::lock_guard lock(mutex_);
  return exchanges_;
}

http::Response InstanceMetadata::token_for(const http::Request& request) {
  const std::string seconds = header(request, "X-aws-ec2-metadata-token-ttl-seconds");
  const bool number =
      !seconds.empty() && seconds.size() <= 5 && seconds.find_first_not_of("0123456789") == std::string::npos;
  if (!number || std::stoi(seconds) < 1 || std::stoi(seconds) > 21600) return http::Response::empty(400);
  if (!header(request, "X-Forwarded-For").empty()) return http::Response::empty(403);
  SystemRandom random;
  const std::string token = "AQAEA" + random.hex(24) + "==";
  tokens_.insert(token);
  return http::Response::text(200, token);
}

http::Response InstanceMetadata::answer(http::Request& request) {
  const std::lock_guard lock(mutex_);
  auto response = http::Response::empty(404);
  if (request.path == "/latest/api/token") {
    response = request.method == "PUT" ? token_for(request) : http::Response::empty(405);
  } else if (request.method != "GET") {
    response = http::Response::empty(405);
  } else if (!tokens_.contains(header(request, "X-aws-ec2-metadata-token"))) {
    response = http::Response::empty(401);
  } else if (request.path == "/latest/user-data" && !user_data_.empty()) {
    response = http::Response::text(200, user_data_, "application/octet-stream");
  }
  exchanges_.push_back(request.method + " " + request.path + " " + std::to_string(response.status));
  return response;
}

}  // namespace slipway::test
