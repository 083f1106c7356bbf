#include "stemcells/agent/pid_file.hpp"

#include <fstream>

namespace slipway::agent {

bool is_alive(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  const auto end = text.rfind(')');  // of the name, which may hold anything
  return end != std::string::npos && end + 2 < text.size() && text[end + 2] != 'Z';
}

pid_t living_pid(const std::string& pid_file) {
  std::ifstream file(pid_file);
  pid_t pid = 0;
  file >> pid;
  return pid > 1 && is_alive(pid) ? pid : 0;
}

}  // namespace slipway::agent
