#include "test/bosh-cli/bosh_lab.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <memory>
#include <regex>
#include <sstream>

#include "base/file.hpp"

namespace slipway::test {

namespace {

constexpr const char* director_url = "https://10.77.0.1:25555";
constexpr const char* file_server = "10.77.0.1:8099";

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

}  // namespace

std::vector<Row> Said::rows(std::size_t table) const {
  INFO(raw);
  REQUIRE(document.is_object());
  REQUIRE(document.at("Tables").is_array());
  REQUIRE(document.at("Tables").size() > table);
  return document.at("Tables").at(table).at("Rows").get<std::vector<Row>>();
}

std::vector<Row> Said::rows_with(const std::string& name, const std::string& value, std::size_t table) const {
  std::vector<Row> found;
  for (const auto& row : rows(table)) {
    INFO(raw);
    REQUIRE(row.contains(name));
    if (row.at(name) == value) found.push_back(row);
  }
  return found;
}

std::string Said::text() const {
  std::string all;
  for (const char* part : {"Blocks", "Lines"}) {
    const auto found = document.find(part);
    if (found == document.end() || !found->is_array()) continue;
    for (const auto& line : *found) all += line.get<std::string>() + "\n";
  }
  return all;
}

bool Said::says(const std::string& part) const { return text().find(part) != std::string::npos; }

bool Said::added(const std::string& line) const { return says_line('+', line); }

bool Said::removed(const std::string& line) const { return says_line('-', line); }

bool Said::says_line(char mark, const std::string& line) const {
  std::istringstream lines(text());
  for (std::string each; std::getline(lines, each);) {
    if (each.size() < 2 || each.front() != mark) continue;
    const auto content = each.find_first_not_of(' ', 1);
    if (content != std::string::npos && each.substr(content) == line) return true;
  }
  return false;
}

int Said::task() const {
  int last = 0;
  for (const auto& line : document.at("Lines")) {
    std::smatch match;
    const auto text = line.get<std::string>();
    if (std::regex_search(text, match, std::regex("^Task ([0-9]+)"))) last = std::stoi(match[1]);
  }
  INFO(raw);
  REQUIRE(last > 0);
  return last;
}

BoshLab& BoshLab::get() {
  static std::unique_ptr<BoshLab> lab;
  static bool tried = false;
  if (!tried) {
    tried = true;
    lab.reset(new BoshLab());
  }
  REQUIRE_MESSAGE(lab, "the lab could not be set up");
  return *lab;
}

BoshLab::BoshLab() : Lab("bosh-cli") {
  must({"test/bosh-cli/build", (root() / "build/bosh-cli").string()});
  control_plane({"up", "--virt", "lxc", "--director-only"});
  password_ = read_file(state() / "control/director/admin.password");
  while (!password_.empty() && password_.back() == '\n') password_.pop_back();
}

Said BoshLab::bosh(const std::vector<std::string>& arguments, const Environment& more) {
  const char* real = std::getenv("BOSH_CLI");
  std::vector<std::string> argv = {real ? real : (root() / "build/bosh-cli/wire").string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  argv.push_back("--json");
  Environment environment = {{"BOSH_ENVIRONMENT", director_url},
                             {"BOSH_CA_CERT", (state() / "control/director/ca.crt").string()},
                             {"BOSH_CLIENT", "admin"},
                             {"BOSH_CLIENT_SECRET", password_},
                             {"BOSH_NON_INTERACTIVE", "true"}};
  for (const auto& [name, value] : more) environment[name] = value;
  const auto outcome = in_lab(argv, environment);
  Said said;
  said.exit_code = outcome.exit_code;
  said.raw = "bosh " + join_words(arguments) + "\n" + outcome.out + outcome.err;
  said.document = Json::parse(outcome.out, nullptr, false);
  return said;
}

Said BoshLab::must_bosh(const std::vector<std::string>& arguments, const Environment& more) {
  auto said = bosh(arguments, more);
  INFO(said.raw);
  REQUIRE(said.exit_code == 0);
  return said;
}

Said BoshLab::bosh_fails(const std::vector<std::string>& arguments, const Environment& more) {
  auto said = bosh(arguments, more);
  INFO(said.raw);
  REQUIRE(said.exit_code == 1);
  return said;
}

Said BoshLab::life(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"-d", "life"});
  return bosh(arguments);
}

Said BoshLab::must_life(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"-d", "life"});
  return must_bosh(arguments);
}

Said BoshLab::life_fails(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"-d", "life"});
  return bosh_fails(arguments);
}

std::filesystem::path BoshLab::write(const std::string& name, const std::string& content) {
  const auto path = files() / name;
  write_file_atomically(path, content);
  return path;
}

std::string BoshLab::serve_files() {
  const auto address = std::string("http://") + file_server;
  if (!serving_) {
    must_in_lab({"/usr/bin/setsid", "--fork", "/bin/sh", "-c", "exec \"$@\" > /dev/null 2>&1 < /dev/null", "serve-files",
                 (root() / "build/bosh-cli/serve-files").string(), file_server, files().string()});
    wait_until("files are served", [&] {
      return in_lab({"/usr/bin/curl", "--silent", "--fail", "--output", "/dev/null", address + "/"}).exit_code == 0;
    });
    serving_ = true;
  }
  return address;
}

std::string BoshLab::file_on_node(const std::string& vm_cid, const std::string& path) {
  return must_on_node(vm_cid, {"/bin/cat", path});
}

std::string Life::manifest() const {
  auto text = read_file("test/bosh-cli/life.yml");
  text = replace_all(text, "{servers}", std::to_string(servers));
  text = replace_all(text, "{greeting}", greeting);
  text = replace_all(text, "{release}", release);
  return replace_all(text, "{exit_code}", std::to_string(exit_code));
}

Said deploy(BoshLab& lab, const Life& life, std::vector<std::string> options) {
  const auto manifest = lab.write("life.yml", life.manifest());
  options.insert(options.begin(), {"deploy", manifest.string()});
  return lab.life(options);
}

std::vector<Row> instances_of(BoshLab& lab, const std::string& group) {
  std::vector<Row> found;
  for (const auto& row : lab.must_life({"instances", "--details"}).rows()) {
    if (row.at("instance").rfind(group + "/", 0) == 0) found.push_back(row);
  }
  return found;
}

std::vector<std::string> column(const std::vector<Row>& rows, const std::string& name) {
  std::vector<std::string> values;
  for (const auto& row : rows) values.push_back(row.at(name));
  return values;
}

std::string runtime_config(const std::string& version, const std::string& mark) {
  return "releases: [{name: life, version: " + version +
         "}]\n"
         "addons:\n- name: marks\n  include: {deployments: [life]}\n"
         "  jobs: [{name: marker, release: life, properties: {mark: " +
         mark + "}}]\n";
}

}  // namespace slipway::test
