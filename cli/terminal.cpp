#include "cli/terminal.hpp"

#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace slipway::cli {

namespace {

// Echo is off for the life of the object, where standard input is a terminal.
class NoEcho {
 public:
  NoEcho() : active_(::isatty(STDIN_FILENO) && ::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!active_) return;
    auto silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~NoEcho() {
    if (active_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;

 private:
  termios before_{};
  bool active_;
};

// Characters, not bytes, so that names in any language line up.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](unsigned char c) { return (c & 0xC0) != 0x80; }));
}

void append_row(std::string& out, const std::vector<std::string>& row,
                const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    line += printable(row[i]);
    if (i + 1 < row.size()) line += std::string(widths[i] - width(row[i]) + 2, ' ');
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  out += line + "\n";
}

}  // namespace

bool confirm(Terminal& terminal, const std::string& question) {
  terminal.err << question << " (y/n): " << std::flush;
  std::string answer;
  if (!std::getline(terminal.in, answer)) {
    terminal.err << "\n";
    return false;
  }
  std::transform(answer.begin(), answer.end(), answer.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return answer == "y" || answer == "yes";
}

Secret read_password(Terminal& terminal, const std::string& prompt) {
  terminal.err << prompt << std::flush;
  std::string password;
  bool read = false;
  {
    const NoEcho silent;
    read = static_cast<bool>(std::getline(terminal.in, password));
  }
  terminal.err << "\n";
  if (!read) throw UsageError("no password came on standard input; use -p or PKS_USER_PASSWORD");
  return Secret(std::move(password));
}

Secret given_password(Terminal& terminal, const std::string& flag) {
  if (!flag.empty()) return Secret(flag);
  for (const auto* name : {"PKS_USER_PASSWORD", "TKGI_USER_PASSWORD"}) {
    const auto value = terminal.environment(name);
    if (value && !value->empty()) return Secret(*value);
  }
  return read_password(terminal, "Password: ");
}

std::string table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& cell : header) widths.push_back(width(cell));
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  append_row(out, header, widths);
  for (const auto& row : rows) append_row(out, row, widths);
  return out;
}

std::string block(const std::vector<std::pair<std::string, std::string>>& lines) {
  std::size_t widest = 0;
  for (const auto& [label, value] : lines) widest = std::max(widest, width(label));
  std::string out;
  for (const auto& [label, value] : lines) {
    append_row(out, {label + ":", value}, {widest + 1, 0});
  }
  return out;
}

std::string printable(const std::string& text) {
  auto clean = text;
  for (auto& c : clean) {
    if (c == '\n' || c == '\t') {
      c = ' ';
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      c = '?';
  }
  return clean;
}

std::string elapsed_text(long seconds) {
  char text[32];
  if (seconds < 60) return std::to_string(seconds) + "s";
  if (seconds < 3600) {
    std::snprintf(text, sizeof text, "%ldm%02lds", seconds / 60, seconds % 60);
  } else {
    std::snprintf(text, sizeof text, "%ldh%02ldm", seconds / 3600, seconds / 60 % 60);
  }
  return text;
}

}  // namespace slipway::cli
