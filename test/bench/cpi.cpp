// What a CPI costs beside the cloud: its calls against the bare exchange of the same HTTP requests, its start against
// Ruby's, and the requests that create_vm makes.
//
//   slipway-bench-cpi CPI_AWS CPI_VSPHERE CALLS REPEATS
//
// Run by test/clouds/with-moto and test/vcsim/with-vcsim. Prints a line a repeat and cloud: the cloud; milliseconds and
// milliseconds of processor of a call of has_vm, and of its requests sent bare; milliseconds from the start of the
// executable to its first request, and of a Ruby that only loads json and net/http; requests of create_vm.
// The worlds of the contract suite are made of doctest's parts; this is no test.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <iostream>

#include "base/http/client.hpp"
#include "base/process.hpp"
#include "cpi/aws/aws_account.hpp"
#include "cpi/contract/exec_client.hpp"
#include "cpi/vsphere/vcsim_world.hpp"
#include "test/clouds/fault_proxy.hpp"

using namespace slipway;

namespace {

using Instants = std::chrono::steady_clock;

double milliseconds(Instants::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

struct Cost {
  double wall = 0, processor = 0;  // milliseconds
};

double processor_milliseconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) { return 1e3 * static_cast<double>(time.tv_sec) + 1e-3 * static_cast<double>(time.tv_usec); };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

Cost cost_of(int times, const std::function<void()>& action) {
  const auto processor = processor_milliseconds();
  const auto begin = Instants::now();
  for (int i = 0; i < times; ++i) action();
  return {milliseconds(Instants::now() - begin) / times, (processor_milliseconds() - processor) / times};
}

// A simulated cloud, reached by a proxy that sees the requests, and without it.
struct Cloud {
  std::string name;
  test::FaultProxy& proxy;
  cpi::suite::Subject by_proxy;
  std::unique_ptr<cpi::Cpi> direct;
  http::ClientConfig bare;
  std::vector<std::string> command;  // the executable, by the proxy
  cpi::StemcellCid stemcell{};
  cpi::VmCid vm{};  // that calls are about
};

bool is_of_the_exchange(const std::string& header) {
  for (const auto* other : {"Content-Length", "Connection", "Accept-Encoding", "Transfer-Encoding"}) {
    if (http::Headers{{header, ""}}.contains(other)) return true;
  }
  return false;
}

std::vector<http::ClientRequest> requests_of(Cloud& cloud, const std::function<void()>& action) {
  cloud.proxy.take_requests();
  action();
  std::vector<http::ClientRequest> requests;
  for (auto& seen : cloud.proxy.take_requests()) {
    http::ClientRequest request{.method = seen.method, .target = seen.target, .body = seen.body};
    for (const auto& [header, value] : seen.headers) {
      // A host with a port is no name that a certificate has.
      const bool names_host = http::Headers{{header, ""}}.contains("Host") && cloud.bare.base_url.starts_with("https");
      if (!is_of_the_exchange(header) && !names_host) request.headers[header] = value;
    }
    requests.push_back(std::move(request));
  }
  return requests;
}

// Makes the VM that is measured, and counts the requests.
std::size_t make_vm(Cloud& cloud) {
  auto& cpi = *cloud.by_proxy.cpi;
  cpi::CreateVm order;
  order.agent = {"bench-first"};
  cloud.stemcell = cpi.create_stemcell(cloud.by_proxy.image_path, cloud.by_proxy.stemcell_properties, Json::object());
  order.stemcell = cloud.stemcell;
  order.cloud_properties = cloud.by_proxy.vm_properties;
  order.networks = cloud.by_proxy.networks();
  cpi.delete_vm(cpi.create_vm(order).vm);  // what is done once for a stemcell is done
  order.agent = {"bench"};
  order.networks = cloud.by_proxy.networks();
  return requests_of(cloud, [&] { cloud.vm = cpi.create_vm(order).vm; }).size();
}

double start_of_executable(Cloud& cloud) {
  std::atomic<double> first{0};
  const auto begin = Instants::now();
  cloud.proxy.set_faults([&](const test::ProxiedRequest&) {
    double none = 0;
    first.compare_exchange_strong(none, milliseconds(Instants::now() - begin));
    return test::NetFault{};
  });
  cpi::ExecCpi({.command = cloud.command, .director_uuid = "bench"}).has_vm(cloud.vm);
  cloud.proxy.set_faults({});
  return first;
}

double start_of_ruby() {
  const auto begin = Instants::now();
  run_checked({.argv = {"ruby", "-e", "require 'json'; require 'net/http'"}});
  return milliseconds(Instants::now() - begin);
}

void measure(Cloud& cloud, int calls, int repeats) {
  const auto ask = [&](cpi::Cpi& cpi) { return [&] { cpi.has_vm(cloud.vm); }; };
  const auto create_vm = make_vm(cloud);
  ask(*cloud.direct)();  // logs in where that is done
  const http::Client client(cloud.bare);
  for (int i = 0; i < repeats; ++i) {
    const auto requests = requests_of(cloud, ask(*cloud.by_proxy.cpi));  // a signature holds for minutes only
    const auto send = [&] {
      for (const auto& request : requests) {
        const auto reply = client.send(request);
        if (reply.status / 100 != 2) throw Error(Fault::internal, cloud.name + " answers the bare request with " + std::to_string(reply.status) + ": " + reply.body.substr(0, 400));
      }
    };
    send();
    const auto bare = cost_of(calls, send);
    const auto call = cost_of(calls, ask(*cloud.direct));
    std::cout << cloud.name << ' ' << call.wall << ' ' << call.processor << ' ' << bare.wall << ' ' << bare.processor << ' '
              << start_of_executable(cloud) << ' ' << start_of_ruby() << ' ' << create_vm << std::endl;
  }
  cloud.by_proxy.cpi->delete_vm(cloud.vm);
  cloud.by_proxy.cpi->delete_stemcell(cloud.stemcell);
}

Cloud aws(cpi::aws::AwsAccount& account, const std::string& program) {
  auto direct = account.config();
  for (const auto* endpoint : {"ec2_endpoint", "elb_endpoint", "sts_endpoint", "ebs_endpoint"})
    direct[endpoint] = account["endpoint"];
  return {.name = "aws",
          .proxy = account.proxy(),
          .by_proxy = account.subject(account.in_process(account.config())),
          .direct = account.in_process(direct),
          .bare = {.base_url = account["endpoint"], .posts_may_repeat = true},
          .command = {program, account.config_file(account.config())}};
}

Cloud vsphere(cpi::vsphere::VcsimWorld& world, test::FaultProxy& proxy, const TempDir& folder, const std::string& program) {
  const auto direct = world.config();
  auto settings = world.settings();
  settings["port"] = proxy.port();
  settings["ca_file"] = (folder.path() / "proxy.pem").string();
  // Images go to the server itself, past the proxy.
  write_file_atomically(folder.path() / "proxy.pem", proxy.ca_pem() + direct.ca_pem);
  const auto file = folder.path() / "vsphere.json";
  write_file_atomically(file, dump(settings), 0600);
  const auto by_proxy = cpi::vsphere::read_vsphere_config(settings, "the bench's configuration");
  return {.name = "vsphere",
          .proxy = proxy,
          .by_proxy = world.subject(std::make_shared<cpi::vsphere::VsphereCpi>(by_proxy, Log::discard(), 1)),
          .direct = std::make_unique<cpi::vsphere::VsphereCpi>(direct, Log::discard(), 1),
          .bare = {.base_url = direct.url(), .ca_pem = direct.ca_pem, .posts_may_repeat = true},
          .command = {program, file.string()}};
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 5) throw Error(Fault::invalid, "four arguments: the CPIs of AWS and vSphere, calls and repeats");
    const int calls = std::stoi(argv[3]), repeats = std::stoi(argv[4]);
    cpi::aws::AwsAccount account;
    auto of_aws = aws(account, argv[1]);
    measure(of_aws, calls, repeats);
    auto& world = cpi::vsphere::VcsimWorld::get();
    const TempDir folder;
    test::FaultProxy proxy(world.config().url());
    auto of_vsphere = vsphere(world, proxy, folder, argv[2]);
    measure(of_vsphere, calls, repeats);
  } catch (const std::exception& error) {
    std::cerr << "slipway-bench-cpi: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
