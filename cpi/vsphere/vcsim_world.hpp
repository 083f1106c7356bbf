#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "cpi/contract/suite.hpp"
#include "cpi/vsphere/config.hpp"
#include "cpi/vsphere/properties.hpp"
#include "cpi/vsphere/vsphere_cpi.hpp"

// What the tests on a simulated vCenter share; test/vcsim/with-vcsim starts one for a test program.
namespace slipway::cpi::vsphere {

// Counts requests, and can let them go wrong.
class TestTransport final : public Transport {
 public:
  enum class Mishap { none, reply_lost, reply_garbled, busy, sent_twice };

  TestTransport(std::string ca_pem, bool verify) : inner_(std::move(ca_pem), verify) {}
  http::ClientResponse send(const std::string& origin, const http::ClientRequest& request,
                            bool may_repeat) override;

  // The `at`-th request from now (0: the next) that `concerns` says yes to meets the mishap; empty: any does.
  void plan(Mishap mishap, int at, std::function<bool(const std::string& name)> concerns = {});
  bool happened() const { return happened_; }
  std::vector<std::string> take_names();  // of the requests since the last call, in order

 private:
  HttpTransport inner_;
  std::mutex mutex_;
  Mishap mishap_ = Mishap::none;
  int countdown_ = -1;
  std::function<bool(const std::string&)> concerns_;
  std::atomic<bool> happened_ = false;
  std::vector<std::string> names_;
};

// "CloneVM_Task" of a SOAP request, "PUT /folder" of another.
std::string request_name(const http::ClientRequest& request);

class VcsimWorld {
 public:
  static VcsimWorld& get();

  std::filesystem::path image() const { return work_.path() / "image"; }  // a stemcell's
  std::filesystem::path other_image() const { return work_.path() / "other"; }
  Json settings(const std::string& datacenter = "DC0") const;  // a configuration as JSON
  std::filesystem::path config_file(const std::string& datacenter = "DC0") const;
  VsphereConfig config(const std::string& datacenter = "DC0") const;
  std::string password() const { return password_; }
  std::filesystem::path folder() const { return work_.path(); }

  // Past the CPI.
  std::vector<std::string> vms_in(
      const std::string& folder_path);  // names; none when there is no such folder
  bool vm_runs(const VmCid& vm);
  std::vector<std::string> disk_files();  // "[datastore] name" below the disk folders
  Properties properties_of(const VmCid& vm, const std::vector<std::string>& paths);
  // A login for one look.
  template <class Action>
  auto look(Action&& action) {
    // No longer than that: the HTTP library's clients must not outlive main().
    HttpTransport transport(ca_pem_, true);
    Session session(*own_config_, transport, clock_, random_, log_);
    return action(session);
  }

  Json networks(const std::string& portgroup = "VM Network");
  suite::Subject subject(std::shared_ptr<Cpi> cpi);

 private:
  VcsimWorld();
  TempDir work_{"vsphere-test"};
  std::string host_, password_, user_, ca_pem_;
  std::filesystem::path vcsim_;
  int port_ = 0;
  std::unique_ptr<VsphereConfig> own_config_;
  SystemClock clock_;
  SystemRandom random_;
  Log log_ = Log::discard();
  std::atomic<int> next_address_{1};
};

}  // namespace slipway::cpi::vsphere
