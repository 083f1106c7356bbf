#pragma once

#include <memory>
#include <string>
#include <vector>

#include "stemcells/agent/contract/bus_under_test.hpp"

namespace slipway::test {

inline constexpr const char* lab_address = "10.77.0.1";  // of the lab's bridge, which the machine is on

// The disk of the stemcell that node/in-lab unpacked.
std::string stemcell_disk();

// A machine in the lab that boots a stemcell's disk: emulated, with a card on the lab's bridge and what else a
// cloud's machines have. Its files and processes end with it.
class Machine {
 public:
  struct Options {
    std::string card;  // QEMU's device: "virtio-net-pci"
    std::string mac;
    std::string disk_format;            // of stemcell_disk()
    std::vector<std::string> hardware;  // of the cloud: QEMU's words; the root disk is the drive "root"
  };
  explicit Machine(Options options);

  // The drive `id` from the next boot on: so many MiB with nothing in it.
  void add_drive(const std::string& id, int mib);
  // In the folder of the machine's files.
  std::string write(const std::string& name, const std::string& content);

  void boot(const std::vector<std::string>& devices);
  // Throws with the console where the agent does not come.
  void wait_until_ready(agent::contract::Director& director) const;
  Json tell(const std::string& command, const Json& arguments = Json::object());  // QEMU's monitor
  std::string console() const;

 private:
  const Options options_;
  TempDir folder_{"machine"};
  std::vector<std::string> drives_;  // QEMU's words
  std::unique_ptr<ChildProcess> process_;
};

// What a person does with `bosh ssh`: an account by the agent, and commands in it, as root.
class Shell {
 public:
  Shell(agent::contract::Director& director, std::string address);
  // Standard output without the last line's end. A command that fails fails the test.
  std::string run(const std::string& command);

 private:
  const std::string address_;
  TempDir folder_{"shell"};
};

}  // namespace slipway::test
