#pragma once

#include <libvirt/libvirt.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <map>
#include <string>

#include "cpi/contract/cpi.hpp"
#include "cpi/libvirt/domain_xml.hpp"

// libvirt's C interface with owners, and its errors as CpiError.
namespace slipway::cpi {

// A domain that exists. Copies share the handle. Methods throw CpiError: vm_not_found when
// the domain is gone, cloud_error otherwise, with libvirt's own words.
class Domain {
 public:
  explicit Domain(virDomainPtr domain);  // takes the reference

  std::string name() const;
  bool is_active() const;
  // Of an LXC node that runs on this machine, by the id it has here.
  std::optional<pid_t> first_process() const;
  void start();                     // does nothing when it runs
  // Ends it at once, without asking the guest. An LXC node is ended by killing its first
  // process: libvirt itself asks nicely first and waits two seconds for nothing.
  void stop();
  void undefine();
  void set_autostart(bool with_its_host = true);
  void suspend();
  void resume();
  void set_metadata(const std::string& title, const Json& metadata);

  enum class Which { now, next_start };
  std::vector<DomainDisk> disks(Which which = Which::now) const;
  // Both the running domain and its definition.
  void attach(const std::string& device_xml);
  // The running domain alone. A QEMU guest is only asked: look at disks() for its answer, and
  // ask again, because one that is still booting never hears the first request.
  void ask_to_detach(const std::string& device_xml);
  // The definition alone: what the next start sees.
  void attach_at_next_start(const std::string& device_xml);
  void detach_at_next_start(const std::string& device_xml);

 private:
  std::string xml(unsigned flags) const;
  unsigned affected() const;
  bool kill_first_process();
  bool is_container() const;
  bool controller_is_linked() const;
  std::shared_ptr<virDomain> domain_;
};

// One connection a URI, made at the first use. Thread-safe.
class Connections {
 public:
  Connections();
  void require(const std::string& uri);  // CpiError, ok_to_retry, when nobody answers
  std::optional<Domain> find(const std::string& uri, const std::string& name);
  Domain define(const std::string& uri, const std::string& xml);

 private:
  virConnectPtr at(const std::string& uri);
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<virConnect>> open_;
};

}  // namespace slipway::cpi
