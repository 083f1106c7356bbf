#pragma once

#include <memory>
#include <string>

namespace slipway::sql {

// For tests: a folder that goes away with the object.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// For tests: Debian's PostgreSQL in a temporary folder, reachable by a Unix socket only, run
// by the user "postgres" because it refuses root. Stopped when the program ends.
class PostgresqlServer {
 public:
  static PostgresqlServer& shared();
  std::string create_database(const std::string& name);  // its URL
  ~PostgresqlServer();

 private:
  PostgresqlServer();
  TestFolder folder_;
  int pid_ = -1;
};

}  // namespace slipway::sql
