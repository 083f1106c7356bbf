#include "stemcells/agent/vitals.hpp"

#include <sys/statvfs.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "stemcells/agent/disks.hpp"

namespace slipway::agent {

namespace {

std::string one_decimal(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string whole(double value) { return std::to_string(static_cast<long>(value + 0.5)); }

std::map<std::string, std::uint64_t> memory_info() {
  std::map<std::string, std::uint64_t> found;
  std::ifstream in("/proc/meminfo");
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name;
    std::uint64_t kib = 0;
    if (words >> name >> kib && !name.empty()) found[name.substr(0, name.size() - 1)] = kib;
  }
  return found;
}

Json share(std::uint64_t used_kib, std::uint64_t total_kib) {
  const double percent = total_kib ? 100.0 * static_cast<double>(used_kib) / static_cast<double>(total_kib) : 0;
  return Json{{"kb", std::to_string(used_kib)}, {"percent", whole(percent)}};
}

// In a container all disks are folders of its host's.
bool has_own_disks() { return !std::filesystem::exists("/run/systemd/container"); }

Json disk_share(const std::filesystem::path& path) {
  struct statvfs status {};
  if (::statvfs(path.c_str(), &status) != 0) return nullptr;
  const auto percent = [](std::uint64_t total, std::uint64_t available) {
    return total ? whole(100.0 * static_cast<double>(total - std::min(available, total)) / static_cast<double>(total)) : "0";
  };
  Json share{{"percent", percent(status.f_blocks, status.f_bavail)},
             {"inode_percent", percent(status.f_files, status.f_favail)}};
  if (has_own_disks()) share["own"] = true;
  return share;
}

Json load() {
  std::ifstream in("/proc/loadavg");
  std::string one = "0", five = "0", fifteen = "0";
  in >> one >> five >> fifteen;
  return Json{one, five, fifteen};
}

long uptime_seconds() {
  std::ifstream in("/proc/uptime");
  double seconds = 0;
  in >> seconds;
  return static_cast<long>(seconds);
}

}  // namespace

Vitals::CpuTimes Vitals::read_cpu_times() {
  std::ifstream in("/proc/stat");
  std::string name;
  std::uint64_t user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, steal = 0;
  in >> name >> user >> nice >> system >> idle >> wait >> irq >> soft >> steal;
  return {user + nice, system + irq + soft, wait, user + nice + system + idle + wait + irq + soft + steal};
}

Json Vitals::cpu() {
  const std::lock_guard lock(mutex_);
  const CpuTimes now = read_cpu_times();
  const auto percent = [&](std::uint64_t CpuTimes::*part) {
    const auto all = static_cast<double>(now.total - last_.total);
    return one_decimal(all > 0 ? 100.0 * static_cast<double>(now.*part - last_.*part) / all : 0);
  };
  Json result{{"user", percent(&CpuTimes::user)}, {"sys", percent(&CpuTimes::system)}, {"wait", percent(&CpuTimes::wait)}};
  last_ = now;
  return result;
}

Json Vitals::read() {
  const auto memory = memory_info();
  const auto kib = [&](const char* name) {
    const auto found = memory.find(name);
    return found == memory.end() ? std::uint64_t{0} : found->second;
  };
  const std::uint64_t available = memory.contains("MemAvailable") ? kib("MemAvailable")
                                                                  : kib("MemFree") + kib("Buffers") + kib("Cached");
  Json disks{{"system", disk_share("/")}};
  const Json ephemeral = disk_share(paths_.data());
  if (!ephemeral.is_null()) disks["ephemeral"] = ephemeral;
  if (is_mount_point(paths_.store())) disks["persistent"] = disk_share(paths_.store());
  return Json{{"cpu", cpu()},
              {"mem", share(kib("MemTotal") - std::min(available, kib("MemTotal")), kib("MemTotal"))},
              {"swap", share(kib("SwapTotal") - kib("SwapFree"), kib("SwapTotal"))},
              {"load", load()},
              {"disk", disks},
              {"uptime", {{"secs", uptime_seconds()}}}};
}

Json process_memory(int pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  std::uint64_t kib = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("VmRSS:")) kib = std::stoull(line.substr(6));
  }
  const auto memory = memory_info();
  const auto total = memory.find("MemTotal");
  const double all = total == memory.end() || total->second == 0 ? 1 : static_cast<double>(total->second);
  return Json{{"kb", kib}, {"percent", static_cast<double>(static_cast<long>(1000.0 * static_cast<double>(kib) / all)) / 10}};
}

}  // namespace slipway::agent
