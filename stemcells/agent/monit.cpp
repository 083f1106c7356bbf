#include "stemcells/agent/monit.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/error.hpp"

namespace slipway::agent {

namespace {

struct Token {
  std::string text;
  bool quoted = false;
  int line = 1;
};

bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';' || c == ','; }

std::vector<Token> tokenize(std::string_view text, const std::string& source) {
  std::vector<Token> tokens;
  int line = 1;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '\n') ++line;
    if (blank(c)) {
      ++at;
    } else if (c == '#') {
      while (at < text.size() && text[at] != '\n') ++at;
    } else if (c == '"' || c == '\'') {
      const auto end = text.find(c, at + 1);
      if (end == std::string_view::npos) {
        throw Error(Fault::invalid, source + ": line " + std::to_string(line) + ": quote is not closed");
      }
      tokens.push_back({std::string(text.substr(at + 1, end - at - 1)), true, line});
      line += static_cast<int>(std::count(text.begin() + static_cast<std::ptrdiff_t>(at),
                                          text.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
      at = end + 1;
    } else {
      const auto begin = at;
      while (at < text.size() && !blank(text[at]) && text[at] != '"' && text[at] != '\'') ++at;
      std::string word(text.substr(begin, at - begin));
      // "program=" and "=" are noise in monit's grammar.
      while (!word.empty() && word.back() == '=') word.pop_back();
      if (!word.empty()) tokens.push_back({std::move(word), false, line});
    }
  }
  return tokens;
}

std::string lower(std::string text) {
  for (auto& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::optional<int> number(const std::string& text) {
  int value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A program line split as monit splits it: on blanks, quotes group words.
std::vector<std::string> split_command(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  bool inside = false;
  char quote = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quote) {
      if (c == quote) {
        quote = 0;
      } else {
        if (c == '\\' && at + 1 < text.size() && text[at + 1] == quote) ++at;
        word += text[at];
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      inside = true;
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      if (inside) words.push_back(std::exchange(word, {}));
      inside = false;
    } else {
      word += c;
      inside = true;
    }
  }
  if (inside) words.push_back(word);
  return words;
}

class Parser {
 public:
  Parser(std::vector<Token> tokens, std::string source) : tokens_(std::move(tokens)), source_(std::move(source)) {}

  MonitFile parse() {
    while (!done()) {
      const std::string word = take_lower();
      if (word == "check") {
        check();
      } else if (in_process_ && word == "start") {
        program(current().start);
      } else if (in_process_ && word == "stop") {
        program(current().stop);
      } else if (in_process_ && word == "depends") {
        skip_word("on");
        depends();
      } else if (word == "if") {
        condition();
      } else {
        skip_statement(word);
      }
    }
    for (const auto& process : file_.processes) require_complete(process);
    return std::move(file_);
  }

 private:
  bool done() const { return at_ >= tokens_.size(); }
  const Token& peek() const { return tokens_[at_]; }
  bool next_is(std::string_view word) const { return !done() && !peek().quoted && lower(peek().text) == word; }
  bool skip_word(std::string_view word) {
    if (!next_is(word)) return false;
    ++at_;
    return true;
  }
  std::string take() {
    if (done()) throw Error(Fault::invalid, source_ + ": ends in the middle of a statement");
    return tokens_[at_++].text;
  }
  std::string take_lower() { return lower(take()); }
  MonitProcess& current() { return file_.processes.back(); }

  bool at_statement() const {
    static constexpr std::string_view starts[] = {"check", "start", "stop", "restart", "depends", "if",
                                                  "group", "every", "mode", "set", "include", "onreboot"};
    if (done()) return true;
    if (peek().quoted) return false;
    const std::string word = lower(peek().text);
    return std::find(std::begin(starts), std::end(starts), word) != std::end(starts);
  }

  void warn(int line, const std::string& text) {
    file_.warnings.push_back(source_ + ": line " + std::to_string(line) + ": " + text);
  }

  void check() {
    const int line = done() ? 0 : peek().line;
    const std::string kind = take_lower();
    if (kind != "process") {
      in_process_ = false;
      warn(line, "check " + kind + " is not watched");
      while (!done() && !next_is("check")) ++at_;
      return;
    }
    in_process_ = true;
    file_.processes.push_back({.name = take()});
    skip_word("with");
    if (skip_word("pidfile")) {
      current().pid_file = take();
    } else if (skip_word("matching")) {
      throw Error(Fault::invalid, source_ + ": line " + std::to_string(line) + ": check process " + current().name +
                                      ": matching is not known, name a pidfile");
    }
  }

  void program(MonitProgram& into) {
    skip_word("program");
    into.argv = split_command(take());
    for (;;) {
      if (skip_word("as") || skip_word("and")) continue;
      if (skip_word("uid")) {
        into.user = take();
      } else if (skip_word("gid")) {
        into.group = take();
      } else if (skip_word("with") || next_is("timeout")) {
        if (!skip_word("timeout")) return;
        timeout(into);
      } else {
        return;
      }
    }
  }

  // Beyond a day, or nothing at all, monit's own default holds.
  void timeout(MonitProgram& into) {
    constexpr std::int64_t longest = 24 * 60 * 60;
    const int line = tokens_[at_ - 1].line;
    std::int64_t seconds = number(take()).value_or(0);
    if (skip_word("minutes") || skip_word("minute")) seconds *= 60;
    skip_word("seconds") || skip_word("second") || skip_word("s");
    if (seconds < 1 || seconds > longest) return warn(line, "a timeout has 1 s to a day");
    into.timeout_seconds = static_cast<int>(seconds);
  }

  void depends() {
    while (!at_statement()) {
      if (skip_word("and")) continue;
      current().depends_on.push_back(take());
    }
  }

  // Everything from "if" to the action after "then" and its "else" branch.
  void condition() {
    const int line = tokens_[at_ - 1].line;
    std::vector<std::string> raw, words;
    while (!done() && !next_is("then")) {
      raw.push_back(take());
      words.push_back(lower(raw.back()));
    }
    if (done()) throw Error(Fault::invalid, source_ + ": line " + std::to_string(line) + ": if without then");
    ++at_;
    const std::string action = take_lower();
    if (action == "exec") take();
    if (skip_word("else")) {
      skip_word("if");
      while (!at_statement()) ++at_;
    }
    const bool failed = !words.empty() && words.front() == "failed";
    if (!in_process_ || !(failed ? connection(words, raw, action) : understood(words, action))) {
      std::string text = "not watched: if";
      for (const auto& word : raw) text += " " + word;
      warn(line, text + " then " + action);
    }
  }

  // failed [host H] port P | unixsocket S [type tcp|tcpssl] [protocol P [and request R]]
  //        [with timeout N seconds] [for N cycles | N times within M cycles]
  bool connection(const std::vector<std::string>& words, const std::vector<std::string>& raw, const std::string& action) {
    ConnectionCheck check;
    if (action != "restart" && action != "alert") return false;
    if (action == "alert") check.action = ConnectionCheck::Action::alert;
    static constexpr std::string_view noise[] = {"and", "with", "for", "seconds", "second", "s", "cycles", "cycle", "times", "within"};
    bool request = false, tls = false;
    for (std::size_t at = 1; at < words.size(); ++at) {
      const auto& word = words[at];
      if (std::find(std::begin(noise), std::end(noise), word) != std::end(noise)) continue;
      if (const auto count = number(word); count && at + 1 < words.size() && words[at + 1].starts_with("cycle")) {
        check.failures = check.cycles = *count;
        continue;
      } else if (count && at + 3 < words.size() && words[at + 1] == "times" && words[at + 2] == "within") {
        check.failures = *count;
        check.cycles = number(words[at + 3]).value_or(0);
        at += 3;
        continue;
      }
      if (at + 1 == words.size()) return false;
      const auto& value = words[++at];
      if (word == "host") {
        check.host = value;
      } else if (word == "port") {
        check.port = number(value).value_or(-1);
      } else if (word == "unixsocket" || word == "unix") {
        check.unix_socket = raw[at];
      } else if (word == "timeout") {
        check.timeout_seconds = number(value).value_or(0);
      } else if (word == "request") {
        check.request = raw[at];
        request = true;
      } else if (word == "type" && (value == "tcp" || value == "tcpssl")) {
        tls = value == "tcpssl";
      } else if ((word == "protocol" || word == "proto") && (value == "http" || value == "https")) {
        check.protocol = value == "http" ? ConnectionCheck::Protocol::http : ConnectionCheck::Protocol::https;
      } else {
        return false;
      }
    }
    if (tls && check.protocol == ConnectionCheck::Protocol::http) check.protocol = ConnectionCheck::Protocol::https;
    if (!sound(check) || (request && check.protocol == ConnectionCheck::Protocol::any)) return false;
    current().checks.push_back(std::move(check));
    return true;
  }

  static bool sound(const ConnectionCheck& check) {
    constexpr int most_cycles = 64, longest_seconds = 600;
    const bool by_port = check.port >= 1 && check.port <= 65535 && check.unix_socket.empty();
    const bool by_socket = check.port == 0 && check.unix_socket.starts_with("/") && check.protocol == ConnectionCheck::Protocol::any;
    return (by_port || by_socket) && check.timeout_seconds >= 1 && check.timeout_seconds <= longest_seconds &&
           check.failures >= 1 && check.failures <= check.cycles && check.cycles <= most_cycles &&
           check.request.starts_with("/") && check.request.find_first_of("\r\n ") == std::string::npos;
  }

  bool understood(const std::vector<std::string>& words, const std::string& action) {
    if (words.size() >= 2 && (words[0] == "totalmem" || words[0] == "totalmemory")) return memory(words, action);
    const bool counts = words.size() >= 4 && (words[1] == "restarts" || words[1] == "restart");
    if (counts && (action == "timeout" || action == "unmonitor" || action == "stop")) {
      const auto restarts = number(words[0]);
      const auto within = std::find(words.begin(), words.end(), "within");
      if (!restarts || within == words.end() || within + 1 == words.end()) return false;
      const auto cycles = number(*(within + 1));
      if (!cycles || *restarts < 1 || *cycles < 1) return false;
      current().restart_limit = MonitProcess::RestartLimit{*restarts, *cycles};
      return true;
    }
    return false;
  }

  bool memory(const std::vector<std::string>& words, const std::string& action) {
    if (action == "alert") return true;  // heartbeats carry the process's memory
    if (action != "restart") return false;
    for (std::size_t index = 1; index < words.size(); ++index) {
      std::size_t digits = 0;
      while (digits < words[index].size() && std::isdigit(static_cast<unsigned char>(words[index][digits]))) ++digits;
      if (digits == 0) continue;
      std::string unit = words[index].substr(digits);
      if (unit.starts_with(".")) unit.erase(0, unit.find_first_not_of(".0123456789"));
      if (unit.empty() && index + 1 < words.size()) unit = words[index + 1];
      const std::string amount = words[index].substr(0, digits);
      if (unit == "%") {
        current().memory_limit = amount + "%";
      } else if (!unit.empty() && std::string_view("kmg").find(unit[0]) != std::string_view::npos) {
        current().memory_limit = amount + static_cast<char>(std::toupper(static_cast<unsigned char>(unit[0])));
      } else {
        return false;
      }
      return true;
    }
    return false;
  }

  void skip_statement(const std::string& word) {
    const int line = tokens_[at_ - 1].line;
    if (word != "group" && word != "mode" && word != "every" && word != "onreboot") {
      warn(line, "'" + word + "' is not known");
    }
    while (!at_statement()) ++at_;
  }

  void require_complete(const MonitProcess& process) const {
    const std::string place = source_ + ": check process " + process.name;
    if (process.name.empty() || process.name.find('/') != std::string::npos) {
      throw Error(Fault::invalid, place + ": the name is not usable");
    }
    if (process.pid_file.empty() || process.pid_file[0] != '/') {
      throw Error(Fault::invalid, place + ": needs an absolute pidfile");
    }
    if (process.start.argv.empty() || process.start.argv[0][0] != '/') {
      throw Error(Fault::invalid, place + ": needs a start program with an absolute path");
    }
  }

  std::vector<Token> tokens_;
  std::string source_;
  std::size_t at_ = 0;
  bool in_process_ = false;
  MonitFile file_;
};

}  // namespace

MonitFile parse_monit(std::string_view text, const std::string& source) {
  return Parser(tokenize(text, source), source).parse();
}

}  // namespace slipway::agent
