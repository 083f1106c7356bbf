#include "test/scenario/bad_input/samples.hpp"

#include <cstdio>
#include <cstring>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "base/file.hpp"

namespace slipway::test {

std::string tar_entry(const std::string& name, char type, const std::string& content, const std::string& link) {
  std::string header(512, '\0');
  const auto put = [&](std::size_t at, const std::string& text) { std::memcpy(header.data() + at, text.data(), text.size()); };
  const auto octal = [](unsigned long value, int width) {
    char text[32];
    std::snprintf(text, sizeof text, "%0*lo", width, value);
    return std::string(text);
  };
  put(0, name);
  put(100, octal(0644, 7));
  put(108, octal(0, 7));
  put(116, octal(0, 7));
  put(124, octal(content.size(), 11));
  put(136, octal(0, 11));
  put(148, "        ");
  header[156] = type;
  put(157, link);
  put(257, std::string("ustar\00000", 8));
  unsigned long sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, octal(sum, 6) + '\0');
  std::string padded = content;
  padded.resize((content.size() + 511) / 512 * 512, '\0');
  return header + padded;
}

std::string tar_end() { return std::string(1024, '\0'); }

std::string tarball(const Files& files) {
  const TempDir folder;
  ArchiveWriter writer(folder.path() / "x.tgz");
  for (const auto& [name, content] : files) writer.add(name, content);
  writer.finish();
  return read_file(folder.path() / "x.tgz");
}

Files SampleRelease::entries() const {
  const auto job = tarball({{"job.MF", "name: web\ntemplates: {config.erb: config/file}\npackages: []\n"
                                       "properties: {value: {default: none}}\n"},
                            {"monit", ""},
                            {"templates/config.erb", erb}});
  const auto fingerprint = sha256_hex(erb);
  const auto digest = job_digest.empty() ? "sha256:" + sha256_hex(job) : job_digest;
  return {{"release.MF", "name: app\nversion: '" + version +
                             "'\ncommit_hash: c\nuncommitted_changes: false\njobs:\n- {name: web, version: " + fingerprint +
                             ", fingerprint: " + fingerprint + ", sha1: '" + digest + "'}\npackages: []\n"},
          {"jobs/web.tgz", job}};
}

std::string sample_stemcell(const std::string& image, const std::string& digest) {
  return tarball({{"stemcell.MF", "name: debian\nversion: '1.0'\noperating_system: debian-12\nsha1: '" +
                                      (digest.empty() ? sha1_hex(image) : digest) +
                                      "'\napi_version: 3\ncloud_properties: {}\n"},
                  {"image", image}});
}

std::string sample_cloud_config(int addresses) {
  return "azs: [{name: z1}]\n"
         "vm_types: [{name: small}]\n"
         "disk_types: []\n"
         "networks:\n"
         "- name: default\n"
         "  type: manual\n"
         "  subnets:\n"
         "  - {range: 10.9.0.0/24, gateway: 10.9.0.1, azs: [z1], dns: [10.9.0.1], reserved: [10.9.0.2 - 10.9.0." +
         std::to_string(254 - addresses) +
         "]}\n"
         "compilation: {workers: 2, az: z1, network: default, vm_type: small}\n";
}

std::string sample_manifest(int instances, const std::string& value) {
  return "name: dep\n"
         "releases: [{name: app, version: latest}]\n"
         "stemcells: [{alias: default, os: debian-12, version: latest}]\n"
         "update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000-5000, update_watch_time: 1000-5000}\n"
         "instance_groups:\n"
         "- name: server\n"
         "  instances: " + std::to_string(instances) + "\n"
         "  azs: [z1]\n"
         "  vm_type: small\n"
         "  stemcell: default\n"
         "  networks: [{name: default}]\n"
         "  jobs: [{name: web, release: app, properties: {value: " + value + "}}]\n";
}

}  // namespace slipway::test
