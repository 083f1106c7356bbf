#pragma once

#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/http/client.hpp"
#include "base/process.hpp"
#include "cli/scenario/fake_director.hpp"

namespace slipway::cli {

// One user at one machine: a home of his own.
class User {
 public:
  User(std::string api, std::string ca) : api_(std::move(api)), ca_(std::move(ca)) {}

  ProcessResult pks(std::vector<std::string> words, const std::string& input = "",
                    std::map<std::string, std::string> env = {},
                    std::function<void(std::string_view line)> on_line = {}) const;
  ProcessResult log_in(const std::string& name, const std::string& password) const;
  Json json(std::vector<std::string> words) const;  // of the command with --json, which has to succeed
  // The API itself, with the token of the session.
  http::ClientResponse call(const std::string& method, const std::string& target,
                            const Json& body = nullptr) const;
  const std::filesystem::path& home() const { return home_.path(); }
  Json kubeconfig() const;
  Json creds() const;
  void set_creds(const Json& creds) const;

 private:
  std::string api_, ca_;
  TempDir home_{"pks-home"};
};

// A director that runs nothing, and a pks-api that believes in it. No end without a check that nothing was
// done that a director must not see.
class Lab {
 public:
  FakeDirector director;

  Lab();
  ~Lab();
  void start();
  void stop(int signal);
  void add_user(const std::string& name, const std::vector<std::string>& scopes,
                const std::vector<std::string>& groups = {}) const;
  User user() const;
  User logged_in(const std::string& name) const;
  std::string folder() const { return (folder_.path() / "pks").string(); }
  // What the operator makes of a plan; read when the API starts the next time.
  void edit_plan(const std::string& name, const std::function<void(Json& plan)>& edit) const;
  std::string log();  // all that the daemon has said
  std::string identity_url() const { return "https://127.0.0.1:" + std::to_string(identity_port_); }
  // The slipway-pks-api program with its configuration; throws when it fails.
  std::string api_program(std::vector<std::string> words, const std::string& input = "") const;

 private:
  TempDir folder_{"pks-lab"};
  int port_ = 0, identity_port_ = 0;
  std::mutex log_mutex_;
  std::string log_;
  std::promise<void> ready_;
  bool told_ = false;
  std::unique_ptr<ChildProcess> daemon_;
};

bool contains(const std::string& text, const std::string& part);
// The words of a create-cluster by plan "small".
std::vector<std::string> create(const std::string& name, bool wait = true, const std::string& plan = "small");

}  // namespace slipway::cli
