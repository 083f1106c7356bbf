#include "stemcells/agent/dns.hpp"

#include "base/file.hpp"
#include "stemcells/agent/dns_names.hpp"
#include "stemcells/agent/network.hpp"

namespace slipway::agent {

namespace {

bool is_host_name(const std::string& text) {
  if (text.empty() || text.size() > 253) return false;
  for (const char c : text) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '.' && c != '_') return false;
  }
  return true;
}

std::int64_t version_of(const Json& records) {
  const auto found = records.find("version");
  return found != records.end() && found->is_number_integer() ? found->get<std::int64_t>() : -1;
}

std::int64_t current_version(const Paths& paths) {
  try {
    return version_of(parse_json(read_file(paths.dns_records()), paths.dns_records().string(), {.max_bytes = 64u << 20}));
  } catch (const Error&) {
    return -1;  // none yet, or one that is to be replaced anyway
  }
}

}  // namespace

std::string hosts_file(const Json& records, const std::string& agent_id) {
  std::string text = "127.0.0.1 localhost " + agent_id +
                     "\n::1 localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\n";
  const auto found = records.find("records");
  if (found == records.end() || !found->is_array()) return text;
  for (const auto& record : *found) {
    if (!record.is_array() || record.size() < 2 || !record[0].is_string() || !record[1].is_string()) continue;
    const auto address = record[0].get<std::string>();
    const auto name = record[1].get<std::string>();
    if (is_ip_address(address) && is_host_name(name)) text += address + " " + name + "\n";
  }
  return text;
}

void sync_dns(const BlobSource& source, std::int64_t version, const Blobs& blobs, const Paths& paths,
              const std::string& agent_id) {
  if (current_version(paths) >= version) return;
  const TempDir work("dns", paths.tmp());
  const auto file = work.path() / "records.json";
  blobs.get(source, file);
  const std::string text = read_file(file);
  const Json records = parse_json(text, "DNS records", {.max_bytes = 64u << 20});
  if (!records.is_object() || version_of(records) != version) {
    throw Error(Fault::invalid, "version from unpacking dns blob does not match version supplied by director");
  }
  make_folder(paths.resolver_hosts(), 0755);
  write_file_atomically(paths.etc / "hosts", hosts_file(records, agent_id));
  write_file_atomically(paths.resolver_hosts() / "records", query_hosts(records), 0644);
  write_file_atomically(paths.dns_records(), text, 0640);
  give_to_vcap_group(paths.dns_records());
}

}  // namespace slipway::agent
