#include "cli/scenario/slapd.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "cli/scenario/pks_lab.hpp"
#include "test/free_port.hpp"

namespace slipway::cli {

namespace fs = std::filesystem;

namespace {

std::string person(const std::string& id, const std::string& unit, const std::string& name) {
  return "dn: cn=" + id + "," + unit + "\nobjectClass: inetOrgPerson\ncn: " + id + "\nsn: " + id + "\nuid: " + name +
         "\nuserPassword: " + name + "-secret\n\n";
}

std::string group(const std::string& name, const std::string& member) {
  return "dn: cn=" + name + ",ou=groups,dc=lab\nobjectClass: groupOfNames\ncn: " + name + "\nmember: cn=" + member +
         ",ou=people,dc=lab\n\n";
}

bool answers(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool connected = ::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(socket);
  return connected;
}

}  // namespace

Slapd::Slapd() : port_(test::free_port()), plain_port_(test::free_port()) {
  const auto pair = authority_.issue("127.0.0.1");
  const auto& folder = folder_.path();
  write_file_atomically(folder / "ca", ca_pem());
  write_file_atomically(folder / "crt", pair.certificate_pem);
  write_file_atomically(folder / "key", pair.private_key_pem.reveal(), 0600);
  const auto at = [&](const char* name) { return (folder / name).string(); };
  write_file_atomically(folder / "slapd.conf",
                        "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n"
                        "include /etc/ldap/schema/inetorgperson.schema\nmodulepath /usr/lib/ldap\n"
                        "moduleload back_mdb\npidfile " +
                            at("pid") + "\nTLSCACertificateFile " + at("ca") + "\nTLSCertificateFile " + at("crt") +
                            "\nTLSCertificateKeyFile " + at("key") +
                            "\ndisallow bind_anon\nsecurity simple_bind=128\ndatabase mdb\nmaxsize 10485760\nsuffix dc=lab\ndirectory " +
                            at("db") +
                            "\naccess to attrs=userPassword by anonymous auth by * none\n"
                            "access to * by dn.exact=" +
                            searcher + " read by * none\n");
  fs::create_directories(folder / "db");
  load("");
  start();
}

Slapd::~Slapd() { stop(); }

void Slapd::load(const std::string& more) {
  const std::string people = "ou=people,dc=lab";
  write_file_atomically(
      folder_.path() / "ldif",
      std::string("dn: dc=lab\nobjectClass: dcObject\nobjectClass: organization\ndc: lab\no: lab\n\n") +
          "dn: cn=searcher,dc=lab\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n"
          "cn: searcher\nuserPassword: " +
          searcher_password + "\n\ndn: " + people + "\nobjectClass: organizationalUnit\nou: people\n\n" +
          "dn: ou=groups,dc=lab\nobjectClass: organizationalUnit\nou: groups\n\n" + person("alana", people, "alana") +
          person("naomi", people, "naomi") + person("plain", people, "plain") + person("twin-1", people, "twin") +
          person("twin-2", people, "twin") + group("operators", operators_) + group("Team Blue", "alana") +
          group("readers", "naomi") + more);
  ProcessSpec spec;
  spec.argv = {"/usr/sbin/slapadd", "-q", "-f", (folder_.path() / "slapd.conf").string(), "-l",
               (folder_.path() / "ldif").string()};
  run_checked(spec);
}

void Slapd::give_to_nobody() const {
  ProcessSpec spec;
  spec.argv = {"/bin/chown", "-R", "nobody:nogroup", folder_.path().string()};
  run_checked(spec);
}

void Slapd::start() {
  give_to_nobody();
  ChildProcess::Options options;
  // -d 0: it stays in the foreground.
  options.argv = {"/usr/sbin/slapd", "-d", "0",      "-u", "nobody", "-g", "nogroup", "-h", url() + "/ " + start_tls_url() + "/", "-f",
                  (folder_.path() / "slapd.conf").string()};
  options.pipe_stdio = false;
  process_ = std::make_unique<ChildProcess>(std::move(options));
  for (int i = 0; i < 600 && !answers(port_); ++i) {
    if (!process_->running()) FAIL("slapd ended");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  REQUIRE(answers(port_));
}

void Slapd::stop() {
  if (process_) process_->terminate(std::chrono::seconds(20));
  process_.reset();
}

void Slapd::replace_group(const std::string& name, const std::string& member) {
  REQUIRE(name == "operators");
  operators_ = member;
  fs::remove_all(folder_.path() / "db");
  fs::create_directories(folder_.path() / "db");
  load("");
}

}  // namespace slipway::cli
