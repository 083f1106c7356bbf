#include "test/e2e/syslog_server.hpp"

#include "base/file.hpp"
#include "base/yaml.hpp"
#include "test/authority.hpp"

namespace slipway::test {

namespace {

constexpr const char* address = "10.77.0.1";

}  // namespace

SyslogServer::SyslogServer(LabWorld& lab, int port)
    : lab_(lab), port_(port), folder_(lab.state() / ("syslog-" + std::to_string(port))) {
  std::filesystem::create_directories(folder_);
  start();
}

std::string SyslogServer::received() const {
  const auto file = folder_ / "received";
  return std::filesystem::exists(file) ? read_file(file) : "";
}

void SyslogServer::start() {
  const Authority authority("syslog CA");
  ca_pem_ = authority.ca().certificate_pem;
  const auto pair = authority.issue("logs.lab");
  const auto at = [this](const char* file) { return (folder_ / file).string(); };
  write_file_atomically(at("ca"), ca_pem_);
  write_file_atomically(at("crt"), pair.certificate_pem);
  write_file_atomically(at("key"), pair.private_key_pem.reveal(), 0600);
  write_file_atomically(
      at("conf"), "global(workDirectory=\"" + folder_.string() +
                      "\" defaultNetstreamDriver=\"gtls\" defaultNetstreamDriverCAFile=\"" + at("ca") +
                      "\"\n  defaultNetstreamDriverCertFile=\"" + at("crt") + "\" defaultNetstreamDriverKeyFile=\"" +
                      at("key") +
                      "\")\n"
                      "module(load=\"imtcp\" StreamDriver.Name=\"gtls\" StreamDriver.Mode=\"1\" "
                      "StreamDriver.AuthMode=\"anon\")\n"
                      "template(name=\"raw\" type=\"string\" string=\"%rawmsg%\\n\")\n"
                      "ruleset(name=\"keep\") { action(type=\"omfile\" template=\"raw\" file=\"" +
                      at("received") + "\") }\ninput(type=\"imtcp\" address=\"" + address +
                      "\" port=\"" + std::to_string(port_) + "\" ruleset=\"keep\")\n");
  lab_.must_in_lab({"/bin/bash", "-c", "setsid /usr/sbin/rsyslogd -n -i NONE -f \"$1/conf\" > \"$1/log\" 2>&1 < /dev/null &",
                    "syslog", folder_.string()});
}

void SyslogServer::be_sink_of(const std::string& cluster, const std::string& sink) {
  lab_.must_pks({"create-sink", cluster, "--name", sink, "syslog-tls://" + std::string(address) + ":" + std::to_string(port_),
                 "--ca-cert", (folder_ / "ca").string(), "--permitted-peer", "logs.lab", "--wait", "--non-interactive"});
}

void SyslogServer::have_all_send_here() {
  lab_.must({"releases/build", "syslog"});
  lab_.control_plane({"upload", "syslog"});
  auto config = parse_yaml(read_file(lab_.root() / "examples/syslog.yml"), "examples/syslog.yml");
  config["addons"][0]["jobs"][0]["properties"]["syslog"] = {
      {"address", address}, {"port", port_}, {"ca_cert", ca_pem_}, {"permitted_peer", "logs.lab"}};
  const auto file = (folder_ / "runtime-config.json").string();
  write_file_atomically(file, dump({{"name", "syslog"}, {"type", "runtime"}, {"content", to_yaml(config)}}));
  lab_.must_in_lab({"/bin/bash", "-c",
                    "set -euo pipefail; control=$1; . \"$2\"; director POST /configs --header "
                    "'Content-Type: application/json' --data-binary \"@$3\"",
                    "configs", (lab_.state() / "control").string(), (lab_.root() / "test/lab/director.sh").string(), file});
}

}  // namespace slipway::test
