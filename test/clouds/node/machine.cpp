#include "test/clouds/node/machine.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace slipway::test {

namespace fs = std::filesystem;
namespace net = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr const char* tap = "machine0";
constexpr const char* shell_user = "bosh_tester";

// A processor that shows KVM's device may still not have what it needs.
bool has_kvm() {
  const auto flags = read_file("/proc/cpuinfo");
  return fs::exists("/dev/kvm") && (flags.find(" vmx") != std::string::npos || flags.find(" svm") != std::string::npos);
}

void connect_to_bridge() {
  run({.argv = {"ip", "link", "delete", tap}});
  run_checked({.argv = {"ip", "tuntap", "add", "dev", tap, "mode", "tap"}});
  run_checked({.argv = {"ip", "link", "set", tap, "master", "lab0", "up"}});
}

}  // namespace

std::string stemcell_disk() {
  const char* path = std::getenv("SLIPWAY_NODE_DISK");
  if (!path) throw Error(Fault::invalid, "SLIPWAY_NODE_DISK is not set: run the test by test/clouds/node/in-lab");
  return path;
}

Machine::Machine(Options options) : options_(std::move(options)) {
  // Larger than the stemcell's disk, as clouds give it.
  run_checked({.argv = {"qemu-img", "create", "-q", "-f", "qcow2", "-b", stemcell_disk(), "-F", options_.disk_format,
                        (folder_.path() / "root.qcow2").string(), "8G"}});
  connect_to_bridge();
}

void Machine::add_drive(const std::string& id, int mib) {
  const auto file = folder_.path() / (id + ".raw");
  write_file_atomically(file, "");
  fs::resize_file(file, static_cast<std::uintmax_t>(mib) << 20);
  drives_.insert(drives_.end(), {"-drive", "if=none,id=" + id + ",format=raw,cache=unsafe,file=" + file.string()});
}

std::string Machine::write(const std::string& name, const std::string& content) {
  write_file_atomically(folder_.path() / name, content, 0600);
  return (folder_.path() / name).string();
}

void Machine::boot(const std::vector<std::string>& devices) {
  const auto path = [&](const char* name) { return (folder_.path() / name).string(); };
  ChildProcess::Options qemu;
  qemu.argv = {"/usr/bin/qemu-system-x86_64",
               "-machine",
               "pc",
               "-accel",
               has_kvm() ? "kvm" : "tcg",
               "-cpu",
               "max",
               "-smp",
               "1",
               "-m",
               "768",
               "-nodefaults",
               "-display",
               "none",
               "-vga",
               "std",
               "-serial",
               "file:" + path("console"),
               "-qmp",
               "unix:" + path("monitor") + ",server=on,wait=off",
               "-netdev",
               std::string("tap,id=net,script=no,downscript=no,ifname=") + tap,
               "-device",
               options_.card + ",netdev=net,mac=" + options_.mac,
               "-drive",
               "if=none,id=root,format=qcow2,cache=unsafe,file=" + path("root.qcow2"),
               "-device",
               "virtio-rng-pci"};
  for (const auto& words : {options_.hardware, drives_, devices}) qemu.argv.insert(qemu.argv.end(), words.begin(), words.end());
  qemu.pipe_stdio = false;
  process_.reset();  // both would hold the disks
  process_ = std::make_unique<ChildProcess>(qemu);
}

void Machine::wait_until_ready(agent::contract::Director& director) const {
  try {
    director.wait_until_ready(150s);
  } catch (const Error& error) {
    throw Error(error.fault(), std::string(error.what()) + "; its console: " + console());
  }
}

Json Machine::tell(const std::string& command, const Json& arguments) {
  net::io_context io;
  net::local::stream_protocol::socket socket(io);
  socket.connect((folder_.path() / "monitor").string());
  std::string received;
  // One line each; what is no answer is an event.
  const auto answer = [&] {
    for (;;) {
      const auto size = net::read_until(socket, net::dynamic_buffer(received), '\n');
      const Json line = parse_json(received.substr(0, size), "QEMU's monitor");
      received.erase(0, size);
      if (line.contains("error")) throw Error(Fault::internal, command + ": " + dump(line["error"]));
      if (line.contains("return")) return line["return"];
    }
  };
  const auto ask = [&](const Json& question) {
    net::write(socket, net::buffer(dump(question) + "\n"));
    return answer();
  };
  ask({{"execute", "qmp_capabilities"}});
  return ask({{"execute", command}, {"arguments", arguments}});
}

std::string Machine::console() const {
  const auto file = folder_.path() / "console";
  return fs::exists(file) ? read_file(file) : std::string();
}

Shell::Shell(agent::contract::Director& director, std::string address) : address_(std::move(address)) {
  const auto key = (folder_.path() / "key").string();
  run_checked({.argv = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key}});
  const Json parameters{{"user", shell_user}, {"public_key", read_file(key + ".pub")}};
  const auto reply = director.finish("ssh", {"setup", parameters}, 120s);
  write_file_atomically(folder_.path() / "known_hosts",
                        address_ + " " + reply.value.at("host_public_key").get<std::string>() + "\n");
}

std::string Shell::run(const std::string& command) {
  const auto path = [&](const char* name) { return (folder_.path() / name).string(); };
  auto output = run_checked({.argv = {"ssh", "-q", "-i", path("key"), "-o", "BatchMode=yes", "-o",
                                      "UserKnownHostsFile=" + path("known_hosts"), "-o", "StrictHostKeyChecking=yes",
                                      std::string(shell_user) + "@" + address_, "sudo sh -c '" + command + "'"},
                             .timeout = 60s});
  while (!output.empty() && output.back() == '\n') output.pop_back();
  return output;
}

}  // namespace slipway::test
