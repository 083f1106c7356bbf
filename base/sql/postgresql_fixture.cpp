#include "base/sql/postgresql_fixture.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/sql/database.hpp"

namespace slipway::sql {
namespace {

const std::string programs = "/usr/lib/postgresql/15/bin/";

int start(const std::vector<std::string>& argv) {
  std::vector<char*> pointers;
  for (const auto& word : argv) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  const int child = ::fork();
  if (child == 0) {
    const int sink = ::open("/dev/null", O_RDWR);
    ::dup2(sink, 0);
    ::dup2(sink, 1);
    ::dup2(sink, 2);
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
  return child;
}

}  // namespace

TestFolder::TestFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "slipway-sql-XXXXXX").string();
  if (!::mkdtemp(name.data())) throw std::runtime_error("mkdtemp failed");
  path_ = name;
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

PostgresqlServer& PostgresqlServer::shared() {
  static PostgresqlServer server;
  return server;
}

PostgresqlServer::PostgresqlServer() {
  const auto data = folder_.path() + "/data";
  std::vector<std::string> as_user;
  if (::geteuid() == 0) {
    const auto* user = ::getpwnam("postgres");
    if (!user) throw std::runtime_error("no user postgres: install the package postgresql-15");
    if (::chown(folder_.path().c_str(), user->pw_uid, user->pw_gid) != 0)
      throw std::runtime_error("chown failed");
    as_user = {"/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres",
               "--clear-groups",   "--pdeathsig=INT",  "--"};
  }
  auto initdb = as_user;
  initdb.insert(initdb.end(), {programs + "initdb", "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8",
                               "--locale=C.UTF-8", "--no-sync"});
  int status = 0;
  ::waitpid(start(initdb), &status, 0);
  if (status != 0) throw std::runtime_error("initdb failed");

  auto server = as_user;
  server.insert(server.end(), {programs + "postgres", "-D", data, "-k", folder_.path(), "-c",
                               "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60"});
  pid_ = start(server);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (;;) {
    try {
      Database("postgresql://tester@/postgres?host=" + folder_.path(), 1);
      return;
    } catch (const std::exception&) {
      if (std::chrono::steady_clock::now() > deadline) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
}

std::string PostgresqlServer::create_database(const std::string& name) {
  Database("postgresql://tester@/postgres?host=" + folder_.path(), 1).run("CREATE DATABASE " + name);
  return "postgresql://tester@/" + name + "?host=" + folder_.path();
}

PostgresqlServer::~PostgresqlServer() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGINT);  // fast shutdown
  ::waitpid(pid_, nullptr, 0);
}

}  // namespace slipway::sql
