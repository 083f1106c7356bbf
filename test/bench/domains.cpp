#include <arpa/inet.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <set>
#include <thread>

#include "base/file.hpp"
#include "base/process.hpp"
#include "cpi/libvirt/domain_xml.hpp"
#include "cpi/libvirt/files.hpp"
#include "cpi/libvirt/libvirt_cpi.hpp"
#include "cpi/libvirt/paths.hpp"
#include "cpi/libvirt/settings.hpp"

// The baselines of goal 1: the domains that a deploy would make, made without a director.
//
//   slipway-bench-domains parallel|virsh CPI_CONFIG STEMCELL_CID COUNT ADDRESS BRIDGE
//
// `parallel` uses libvirt's C API with one thread a domain, `virsh` one virsh after the other. The
// files, settings and definitions are the CPI's own. A node has booted when its agent dials the
// message bus; here that is a bare listener on ADDRESS, in whose /24 the nodes get .200 and up.
// Prints the milliseconds from the first file to the last agent; the domains are removed again.
namespace {

using namespace slipway;
using namespace slipway::cpi;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr auto patience = std::chrono::seconds{120};

class Listener {
 public:
  explicit Listener(const std::string& address) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in here{};
    here.sin_family = AF_INET;
    inet_pton(AF_INET, address.c_str(), &here.sin_addr);
    socklen_t length = sizeof here;
    if (bind(fd_, reinterpret_cast<sockaddr*>(&here), length) != 0 || listen(fd_, 256) != 0 ||
        getsockname(fd_, reinterpret_cast<sockaddr*>(&here), &length) != 0) {
      throw Error(Fault::internal, "cannot listen on " + address);
    }
    port_ = ntohs(here.sin_port);
  }
  ~Listener() { close(fd_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int port() const { return port_; }

  // Returns when so many different addresses have called.
  void wait_for_callers(std::size_t count) {
    std::set<std::uint32_t> callers;
    const auto deadline = Clock::now() + patience;
    while (callers.size() < count) {
      pollfd watched{.fd = fd_, .events = POLLIN, .revents = 0};
      if (Clock::now() > deadline) {
        throw Error(Fault::retryable, "only " + std::to_string(callers.size()) + " agents have called");
      }
      if (poll(&watched, 1, 1000) != 1) continue;
      sockaddr_in caller{};
      socklen_t length = sizeof caller;
      const int connection = accept4(fd_, reinterpret_cast<sockaddr*>(&caller), &length, SOCK_CLOEXEC);
      if (connection < 0) continue;
      callers.insert(caller.sin_addr.s_addr);
      close(connection);
    }
  }

 private:
  int fd_, port_ = 0;
};

struct Node {
  CreateVm request;
  VmCid vm;
};

class Domains {
 public:
  Domains(const std::string& config_file, const std::string& stemcell, const std::string& address, const std::string& bridge)
      : config_(load_libvirt_config(config_file)), stemcell_{stemcell}, address_(address), bridge_(bridge), listener_(address) {
    config_.agent_mbus = "nats://" + address + ":" + std::to_string(listener_.port());
  }

  double measure(int count, bool by_virsh) {
    for (int i = 0; i < count; ++i) nodes_.push_back(node(i));
    const auto begun = Clock::now();
    try {
      by_virsh ? create_by_virsh() : create_in_parallel();
      listener_.wait_for_callers(nodes_.size());
    } catch (...) {
      remove_all();
      throw;
    }
    const auto took = Clock::now() - begun;
    remove_all();
    return std::chrono::duration<double, std::milli>(took).count();
  }

 private:
  const LibvirtHost& host() const { return config_.hosts.front(); }

  Node node(int number) const {
    Node made;
    made.request.agent = AgentId{"bench-" + std::to_string(getpid()) + "-" + std::to_string(number)};
    made.request.stemcell = stemcell_;
    made.request.cloud_properties = {{"cpu", 1}, {"ram", 512}, {"ephemeral_disk", 2048}};
    const auto prefix = address_.substr(0, address_.rfind('.') + 1);
    made.request.networks = {{"default",
                              {{"type", "manual"},
                               {"ip", prefix + std::to_string(200 + number)},
                               {"netmask", "255.255.255.0"},
                               {"gateway", address_},
                               {"dns", {address_}},
                               {"default", {"dns", "gateway"}},
                               {"cloud_properties", {{"bridge", bridge_}}}}}};
    made.request.env = Json::object();
    made.vm = VmCid{"vm-" + made.request.agent.value};
    return made;
  }

  // What the CPI lays down for a node: the writable layer and the settings.
  std::string prepare(const Node& node) const {
    const StoragePaths paths(host().storage);
    const auto wish = read_wish(node.request, config_);
    const auto folder = paths.vm(node.vm);
    for (const char* part : {"config/ec2/latest", "vm", "ephemeral"}) fs::create_directories(folder / part);
    write_json_file(folder / "vm.json", {{"agent", node.request.agent.value}, {"stemcell", stemcell_.value},
                                         {"host", host().name}, {"state", "creating"}});
    write_json_file(folder / "config/ec2/latest/user-data.json",
                    agent_settings(node.request, node.vm, wish, VirtMode::lxc, config_), 0600);
    write_json_file(folder / "config/ec2/latest/meta-data.json", {{"instance-id", node.vm.value}}, 0600);
    DomainSpec spec;
    spec.vm = node.vm;
    spec.agent = node.request.agent;
    spec.cpu = wish.cpu;
    spec.ram_mib = wish.ram_mib;
    spec.nics = wish.nics;
    spec.stemcell = paths.stemcell(stemcell_);
    spec.folder = folder;
    return lxc_domain_xml(spec);
  }

  void create_in_parallel() {
    virConnectPtr connection = virConnectOpen(host().uri.c_str());
    if (connection == nullptr) throw Error(Fault::internal, virGetLastErrorMessage());
    std::atomic<bool> failed = false;
    std::vector<std::thread> threads;
    for (const auto& node : nodes_) {
      threads.emplace_back([&] {
        virDomainPtr domain = virDomainDefineXML(connection, prepare(node).c_str());
        if (domain == nullptr || virDomainCreate(domain) != 0) failed = true;
        if (domain != nullptr) virDomainFree(domain);
      });
    }
    for (auto& thread : threads) thread.join();
    virConnectClose(connection);
    if (failed) throw Error(Fault::retryable, "libvirt did not start every domain");
  }

  void create_by_virsh() {
    for (const auto& node : nodes_) {
      const auto file = StoragePaths(host().storage).vm(node.vm) / "domain.xml";
      const auto xml = prepare(node);
      write_file_atomically(file, xml);
      run_checked({.argv = {"virsh", "--quiet", "--connect", host().uri, "define", file.string()}});
      run_checked({.argv = {"virsh", "--quiet", "--connect", host().uri, "start", node.vm.value}});
    }
  }

  void remove_all() {
    std::vector<std::thread> threads;
    for (const auto& node : nodes_) {
      threads.emplace_back([&] {
        try {
          LibvirtCpi(config_, Log::discard()).delete_vm(node.vm);
        } catch (const std::exception& error) {
          std::cerr << "slipway-bench-domains: " << error.what() << "\n";
        }
      });
    }
    for (auto& thread : threads) thread.join();
    nodes_.clear();
  }

  LibvirtConfig config_;
  StemcellCid stemcell_;
  std::string address_, bridge_;
  Listener listener_;
  std::vector<Node> nodes_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::cerr << "usage: slipway-bench-domains parallel|virsh CPI_CONFIG STEMCELL_CID COUNT ADDRESS BRIDGE\n";
    return 2;
  }
  try {
    Domains domains(argv[2], argv[3], argv[5], argv[6]);
    std::cout << domains.measure(std::stoi(argv[4]), std::string_view(argv[1]) == "virsh") << "\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "slipway-bench-domains: " << error.what() << "\n";
    return 1;
  }
}
