#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/http/client.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "base/tls.hpp"
#include "test/measures.hpp"

namespace slipway::test {

inline constexpr long mib = 1024;  // in the KiB that memory is measured in

// How a task of the director ended.
struct TaskEnd {
  std::int64_t id = 0;
  std::string state;   // done, error, cancelled
  std::string result;  // of an error: the whole text the user reads
  bool says(const std::string& part) const { return result.find(part) != std::string::npos; }
};

// The real slipway-director with its own nats-server, over the simulated cloud.
class DirectorProcess {
 public:
  struct Options {
    int cpi_timeout_seconds = 60;
    int agent_wait_seconds = 5;
    std::uint64_t disk_bytes = 0;  // the state folder is a file system of this size
    std::string address = "127.0.0.1";  // where clients, agents and nodes reach it
  };
  DirectorProcess() : DirectorProcess(Options{}) {}
  explicit DirectorProcess(Options options);
  ~DirectorProcess();
  DirectorProcess(const DirectorProcess&) = delete;
  DirectorProcess& operator=(const DirectorProcess&) = delete;

  void start();
  void stop();
  bool running() { return process_ && process_->running(); }
  // The argv of the CPI from the next start on; {} is the simulated one.
  void use_cpi(const std::vector<std::string>& command, int timeout_seconds = 60);
  // From the next start on, an exec_path that a CPI config may name, and what is run for it.
  void allow_program(const std::string& exec_path, const std::vector<std::string>& command);
  // A second director on the same configuration, until it ends.
  ProcessResult second() const;

  http::ClientResponse send(const std::string& method, const std::string& target, const std::string& body = {},
                            const std::string& type = "text/yaml") const;
  http::ClientResponse send_file(const std::string& target, const std::filesystem::path& file) const;
  http::ClientResponse send_as(const std::string& authorization, const std::string& method, const std::string& target) const;
  // curl with what it needs to be the admin; for what no honest client does.
  ProcessResult curl(std::vector<std::string> options, const std::string& target, const std::string& input = {}) const;

  // Follows a 302 to the end of its task. Anything but a 302 fails the test.
  TaskEnd follow(const http::ClientResponse& response) const;
  TaskEnd upload(const std::string& target, const std::string& bytes) const { return follow(send("POST", target, bytes, "application/x-compressed")); }
  TaskEnd deploy(const std::string& manifest) const { return follow(send("POST", "/deployments", manifest)); }
  Json get(const std::string& target) const;
  std::string output(std::int64_t task, const std::string& kind) const;

  // All files below a folder of the state folder, relative to it.
  std::vector<std::string> files(const std::string& below) const;
  // Uploads, blobs and work folder hold nothing at all.
  bool nothing_stored() const { return files("uploads").empty() && files("blobs").empty() && files("work").empty(); }
  Json cloud() const;  // what the simulated cloud holds
  std::filesystem::path state() const { return folder_.path() / "director" / "state"; }
  std::filesystem::path token_key_file() const { return folder_.path() / "token.pem"; }
  const tls::RsaKey& token_key() const { return token_key_; }

  // Forgets the highest memory use so far and returns the present one, in KiB.
  long start_of_measurement() const;
  long highest_memory() const;
  // Processor time the director has used: on a busy machine the time of day says little.
  double cpu_seconds() const;
  int nats_port() const { return nats_port_; }
  std::string bus() const { return "nats://" + address_ + ":" + std::to_string(nats_port_); }
  std::string log() const;

 private:
  void configure(const std::function<void(Json&)>& change) const;
  std::string config_file() const { return (folder_.path() / "director" / "director.yml").string(); }
  long memory_kib(const std::string& field) const;

  TempDir folder_{"bad-input"};
  std::string address_;
  int port_ = 0, nats_port_ = 0;
  tls::RsaKey token_key_ = tls::create_rsa_key();
  bool mounted_ = false;
  std::string authorization_;
  std::unique_ptr<http::Client> client_;
  mutable std::mutex log_mutex_;
  std::string log_;
  std::unique_ptr<ChildProcess> process_;
};

bool until(std::chrono::milliseconds limit, const std::function<bool()>& condition);

}  // namespace slipway::test
