#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/http/server.hpp"

namespace slipway::test {

// EC2's instance metadata service with version 2 alone, for tests: no more lenient than it is documented. A token is
// got by PUT with the seconds it shall be good for (1 to 21600) and without X-Forwarded-For, and each question has to
// bring one, else it is 401.
class InstanceMetadata {
 public:
  InstanceMetadata(const std::string& address, int port, std::string user_data);

  std::string url() const;
  // "PUT /latest/api/token 200", in the order they came.
  std::vector<std::string> exchanges() const;

 private:
  http::Response answer(http::Request& request);
  http::Response token_for(const http::Request& request);

  const std::string address_, user_data_;
  mutable std::mutex mutex_;
  std::set<std::string> tokens_;
  std::vector<std::string> exchanges_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace slipway::test
