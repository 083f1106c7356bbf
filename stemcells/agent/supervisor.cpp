#include "stemcells/agent/supervisor.hpp"

#include <algorithm>
#include <set>

namespace slipway::agent {

namespace {

// systemd's quoting: double quotes, backslash escapes, "%" and "$" doubled.
std::string quote_word(const std::string& word) {
  std::string out = "\"";
  for (const char c : word) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '%' || c == '$') {
      out += c;
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string command_line(const std::vector<std::string>& argv) {
  std::string line;
  for (const auto& word : argv) line += (line.empty() ? "" : " ") + quote_word(word);
  return line;
}

std::string unit_words(const std::vector<std::string>& processes) {
  std::string line;
  for (const auto& name : processes) line += (line.empty() ? "" : " ") + unit_name(name);
  return line;
}

void add_in_order(const MonitProcess& process, const std::vector<MonitProcess>& all, std::set<std::string>& seen,
                  std::vector<MonitProcess>& ordered) {
  if (!seen.insert(process.name).second) return;
  for (const auto& name : process.depends_on) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& other) { return other.name == name; });
    if (found != all.end()) add_in_order(*found, all, seen, ordered);
  }
  ordered.push_back(process);
}

}  // namespace

std::string unit_name(const std::string& process) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string name = "bosh-job-";
  for (const char c : process) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || c == '_' || c == '.' || c == '-') {
      name += c;
    } else {
      name += std::string("\\x") + digits[byte >> 4] + digits[byte & 15];
    }
  }
  return name + ".service";
}

std::string render_unit(const MonitProcess& process, bool restart, const std::string& agent_program) {
  const auto stop_timeout = process.stop.timeout_seconds;
  std::string unit = "[Unit]\nDescription=BOSH job process " + process.name + "\nDefaultDependencies=no\n";
  if (!process.depends_on.empty()) {
    const std::string others = unit_words(process.depends_on);
    unit += "Wants=" + others + "\nAfter=" + others + "\nPartOf=" + others + "\n";
  }
  if (process.restart_limit) {
    unit += "StartLimitBurst=" + std::to_string(process.restart_limit->restarts + 1) +
            "\nStartLimitIntervalSec=" + std::to_string(process.restart_limit->cycles * monit_cycle_seconds) + "\n";
  } else {
    unit += "StartLimitIntervalSec=0\n";
  }
  unit += "\n[Service]\nType=forking\nPIDFile=" + process.pid_file + "\n";
  unit.append("Environment=PATH=").append(program_path).append("\n");
  std::vector<std::string> start{agent_program, "--start-program", process.pid_file,
                                 std::to_string(process.start.timeout_seconds)};
  start.insert(start.end(), process.start.argv.begin(), process.start.argv.end());
  unit += "ExecStart=" + command_line(start) + "\n";
  if (!process.stop.argv.empty()) {
    unit += "ExecStop=" + command_line(process.stop.argv) + "\n";
    // Many stop programs only ask: without this wait systemd would signal the process while
    // it is still closing down in its own order.
    unit += "ExecStop=-/usr/bin/tail -s 0.1 --pid=$MAINPID -f /dev/null\n";
  }
  if (!process.start.user.empty()) unit += "User=" + process.start.user + "\n";
  if (!process.start.group.empty()) unit += "Group=" + process.start.group + "\n";
  constexpr int margin_seconds = 5;  // --start-program gives up first and says why
  unit += "TimeoutStartSec=" + std::to_string(process.start.timeout_seconds + margin_seconds) + "\n";
  unit += "TimeoutStopSec=" + std::to_string(stop_timeout) + "\n";
  unit += std::string("Restart=") + (restart ? "always" : "no") + "\nRestartSec=1\n";
  unit += "KillMode=control-group\nLimitNOFILE=1048576\nTasksMax=infinity\nDelegate=yes\n";
  if (process.memory_limit) unit += "MemoryMax=" + *process.memory_limit + "\n";
  return unit;
}

std::string job_state(const std::vector<ProcessStatus>& processes, bool stopped) {
  if (stopped) return "stopped";
  bool starting = false;
  for (const auto& process : processes) {
    if (process.state == "failing" || process.state == "stopped") return "failing";
    if (process.state == "starting") starting = true;
  }
  return starting ? "starting" : "running";
}

std::vector<MonitProcess> in_start_order(const std::vector<MonitProcess>& processes) {
  std::vector<MonitProcess> ordered;
  std::set<std::string> seen;
  for (const auto& process : processes) add_in_order(process, processes, seen, ordered);
  return ordered;
}

}  // namespace slipway::agent
