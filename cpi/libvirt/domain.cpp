#include "cpi/libvirt/domain.hpp"

#include <libvirt/libvirt-lxc.h>
#include <libvirt/virterror.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

namespace slipway::cpi {

namespace {

constexpr const char* metadata_namespace = "https://slipway.dev/xmlns/libvirt/1";

[[noreturn]] void fail(const std::string& doing, bool ok_to_retry = false) {
  const virErrorPtr error = virGetLastError();
  const int code = error != nullptr ? error->code : VIR_ERR_INTERNAL_ERROR;
  const std::string text = doing + ": " + (error != nullptr && error->message != nullptr ? error->message : "unknown error");
  if (code == VIR_ERR_NO_DOMAIN) throw CpiError(ErrorType::vm_not_found, text);
  throw CpiError(ErrorType::cloud_error, text, ok_to_retry);
}

std::string text_of(const std::string& file) {
  std::ifstream in(file);
  std::string text;
  std::getline(in, text);
  return text;
}

// The only child of the container's controller.
pid_t child_of(pid_t parent) {
  std::ifstream in("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children");
  pid_t child = 0;
  in >> child;
  return in ? child : 0;
}

}  // namespace

Domain::Domain(virDomainPtr domain) : domain_(domain, [](virDomainPtr one) { virDomainFree(one); }) {}

std::string Domain::name() const { return virDomainGetName(domain_.get()); }

bool Domain::is_active() const {
  const int active = virDomainIsActive(domain_.get());
  if (active < 0) fail("asking whether VM '" + name() + "' runs");
  return active == 1;
}

bool Domain::is_container() const {
  const char* type = virConnectGetType(virDomainGetConnect(domain_.get()));
  return type != nullptr && std::string_view(type) == "LXC";
}

// libvirtd sometimes loses its link to the controller of a container that is just starting (seen
// when two start at once) and then never learns the first process: the node runs, but no disk
// can be attached to it.
bool Domain::controller_is_linked() const {
  int* files = nullptr;
  const int count = virDomainLxcOpenNamespace(domain_.get(), &files, 0);
  for (int i = 0; i < count; ++i) close(files[i]);
  free(files);
  return count >= 0;
}

void Domain::start() {
  constexpr int tries = 5, looks = 100;
  for (int attempt = 1;; ++attempt) {
    if (!is_active() && virDomainCreate(domain_.get()) != 0 && !is_active()) fail("starting VM '" + name() + "'", true);
    if (!is_container()) return;
    for (int look = 0; look < looks; ++look) {
      if (controller_is_linked()) return;
      if (!is_active()) break;
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    if (attempt == tries) fail("starting VM '" + name() + "': libvirt has no link to its container", true);
    stop();
  }
}

std::optional<pid_t> Domain::first_process() const {
  if (!is_container()) return std::nullopt;
  const unsigned controller = virDomainGetID(domain_.get());
  if (controller == static_cast<unsigned>(-1)) return std::nullopt;
  const auto proc = "/proc/" + std::to_string(controller);
  // Only a controller this process can see and that is the domain's own will do: a remote
  // host's process ids mean nothing here.
  if (text_of(proc + "/comm") != "libvirt_lxc") return std::nullopt;
  std::ifstream in(proc + "/cmdline");
  std::string word, before;
  bool is_ours = false;
  while (std::getline(in, word, '\0')) {
    is_ours = is_ours || (before == "--name" && word == name());
    before = word;
  }
  const pid_t first = child_of(static_cast<pid_t>(controller));
  if (!is_ours || first <= 1) return std::nullopt;
  return first;
}

bool Domain::kill_first_process() {
  const auto known = first_process();
  if (!known) return false;
  const auto first = *known;
  const auto controller = virDomainGetID(domain_.get());
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, first, 0));
  if (pidfd < 0) return false;
  bool ended = false;
  if (child_of(static_cast<pid_t>(controller)) == first && syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0) == 0) {
    constexpr int patience_ms = 5000;
    pollfd watched{.fd = pidfd, .events = POLLIN, .revents = 0};
    // When process 1 is gone, the kernel has ended every other process of the node.
    ended = poll(&watched, 1, patience_ms) == 1;
  }
  close(pidfd);
  return ended;
}

void Domain::stop() {
  if (!is_active()) return;
  if (kill_first_process()) {
    constexpr int tries = 100;
    for (int attempt = 0; attempt < tries; ++attempt) {
      if (!is_active()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
  }
  if (virDomainDestroy(domain_.get()) != 0 && is_active()) fail("stopping VM '" + name() + "'", true);
}

void Domain::undefine() {
  if (virDomainIsPersistent(domain_.get()) != 1) return;
  constexpr unsigned everything =
      VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM;
  // The LXC driver knows none of the flags.
  if (virDomainUndefineFlags(domain_.get(), everything) == 0 || virDomainUndefine(domain_.get()) == 0) return;
  const virErrorPtr error = virGetLastError();
  if (error != nullptr && error->code == VIR_ERR_NO_DOMAIN) return;
  fail("removing the definition of VM '" + name() + "'");
}

void Domain::set_autostart(bool with_its_host) {
  if (virDomainSetAutostart(domain_.get(), with_its_host ? 1 : 0) != 0)
    fail("saying whether VM '" + name() + "' starts with its host");
}

void Domain::suspend() {
  if (virDomainSuspend(domain_.get()) != 0) fail("pausing VM '" + name() + "'");
}

void Domain::resume() {
  if (virDomainResume(domain_.get()) != 0) fail("resuming VM '" + name() + "'");
}

unsigned Domain::affected() const {
  return is_active() ? unsigned{VIR_DOMAIN_AFFECT_CONFIG} | unsigned{VIR_DOMAIN_AFFECT_LIVE}
                     : unsigned{VIR_DOMAIN_AFFECT_CONFIG};
}

void Domain::set_metadata(const std::string& title, const Json& metadata) {
  const auto flags = affected();
  const auto body = "<metadata>" + escape_xml(dump(metadata)) + "</metadata>";
  if (virDomainSetMetadata(domain_.get(), VIR_DOMAIN_METADATA_ELEMENT, body.c_str(), "slipway", metadata_namespace, flags) != 0) {
    fail("describing VM '" + name() + "'");
  }
  if (!title.empty() &&
      virDomainSetMetadata(domain_.get(), VIR_DOMAIN_METADATA_TITLE, title.c_str(), nullptr, nullptr, flags) != 0) {
    fail("naming VM '" + name() + "'");
  }
}

std::string Domain::xml(unsigned flags) const {
  const std::unique_ptr<char, void (*)(void*)> text(virDomainGetXMLDesc(domain_.get(), flags), ::free);
  if (!text) fail("reading the definition of VM '" + name() + "'");
  return text.get();
}

std::vector<DomainDisk> Domain::disks(Which which) const {
  return disks_in(xml(which == Which::next_start ? unsigned{VIR_DOMAIN_XML_INACTIVE} : 0u));
}

void Domain::attach(const std::string& device_xml) {
  if (virDomainAttachDeviceFlags(domain_.get(), device_xml.c_str(), affected()) != 0) {
    fail("attaching a disk to VM '" + name() + "'");
  }
}

void Domain::ask_to_detach(const std::string& device_xml) {
  if (virDomainDetachDeviceFlags(domain_.get(), device_xml.c_str(), VIR_DOMAIN_AFFECT_LIVE) != 0) {
    fail("detaching a disk from VM '" + name() + "'");
  }
}

void Domain::attach_at_next_start(const std::string& device_xml) {
  if (virDomainAttachDeviceFlags(domain_.get(), device_xml.c_str(), VIR_DOMAIN_AFFECT_CONFIG) != 0) {
    fail("adding a disk to the definition of VM '" + name() + "'");
  }
}

void Domain::detach_at_next_start(const std::string& device_xml) {
  if (virDomainDetachDeviceFlags(domain_.get(), device_xml.c_str(), VIR_DOMAIN_AFFECT_CONFIG) != 0) {
    fail("removing a disk from the definition of VM '" + name() + "'");
  }
}

Connections::Connections() {
  // Errors are thrown; libvirt need not print them as well.
  virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
}

virConnectPtr Connections::at(const std::string& uri) {
  const std::lock_guard lock(mutex_);
  auto& connection = open_[uri];
  if (!connection) {
    const auto opened = virConnectOpen(uri.c_str());
    if (opened == nullptr) fail("connecting to libvirt at '" + uri + "'", true);
    connection = {opened, [](virConnectPtr one) { virConnectClose(one); }};
  }
  return connection.get();
}

// One that was open may be dead by now.
void Connections::require(const std::string& uri) {
  if (virConnectIsAlive(at(uri)) == 1) return;
  {
    const std::lock_guard lock(mutex_);
    open_.erase(uri);
  }
  at(uri);
}

std::optional<Domain> Connections::find(const std::string& uri, const std::string& name) {
  const auto found = virDomainLookupByName(at(uri), name.c_str());
  if (found != nullptr) return Domain(found);
  const virErrorPtr error = virGetLastError();
  if (error != nullptr && error->code == VIR_ERR_NO_DOMAIN) return std::nullopt;
  fail("looking for VM '" + name + "' at '" + uri + "'", true);
}

Domain Connections::define(const std::string& uri, const std::string& xml) {
  const auto defined = virDomainDefineXML(at(uri), xml.c_str());
  if (defined == nullptr) fail("defining a VM at '" + uri + "'");
  return Domain(defined);
}

}  // namespace slipway::cpi
