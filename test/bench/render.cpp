#include <chrono>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <thread>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "director/templates/test_jobs.hpp"

// Goal 4: COUNT instances with ten templates each, in REPEATS equal parts. Each part is rendered by
// the director's renderer and by both baselines, in turns, and has to give the same bytes. The
// rival takes every fifth instance only: all of them would take it minutes.
//
//   slipway-bench-render BASELINE.rb COUNT REPEATS
//
// A line a part, in milliseconds: renderer, rival (for the whole part), floor.
namespace {

using namespace slipway;
using namespace slipway::director;

// What releases do: values with defaults, conditions, loops, peers, JSON, the node's own place.
const std::vector<std::string> templates = {
    "check process web\n  with pidfile /var/vcap/sys/run/web/web.pid\n  start program \"/var/vcap/jobs/web/bin/ctl "
    "start\"\n  group vcap\n",
    "#!/bin/bash -e\nexport PORT=<%= p('port') %>\nexport LOG_LEVEL=<%= p('log.level', 'info') %>\n"
    "exec /var/vcap/packages/web/bin/web --name <%= spec.name %>-<%= spec.index %> --listen <%= spec.address %>\n",
    "listen: <%= spec.networks.default.ip %>:<%= p('port') %>\nworkers: <%= p('workers') %>\n<% if p('tls.enabled') -%>\n"
    "tls:\n  ciphers: [<%= p('tls.ciphers').join(', ') %>]\n<% end -%>\n",
    "<%= JSON.pretty_generate({'name' => spec.name, 'az' => spec.az, 'limits' => p('limits')}) %>\n",
    "<% link('db').instances.each do |peer| -%>\nserver <%= peer.address %> <%= peer.index %> az=<%= peer.az %>\n<% end -%>\n",
    "<% if_p('proxy.url') do |url| -%>\nproxy = <%= url %>\n<% end.else do -%>\nproxy = none\n<% end -%>\n",
    "database: <%= link('db').p('name') %>\npool: <%= link('db').p('pool', 5) %>\nhosts: "
    "<%= link('db').instances.map(&:address).join(',') %>\n",
    "<% p('users').each do |user| -%>\n[<%= user['name'] %>]\nrole = <%= user['role'] %>\nhome = /home/<%= user['name'] %>\n"
    "<% end -%>\n",
    "<% (1..p('workers')).each do |n| -%>\nworker.<%= n %>.port = <%= p('port') + n %>\nworker.<%= n %>.id = "
    "<%= spec.id %>-<%= n %>\n<% end -%>\nbootstrap = <%= spec.bootstrap %>\n",
    "deployment=<%= spec.deployment %>\nindex=<%= spec.index %>\nid=<%= spec.id %>\n"
    "dns=<%= spec.networks.default.dns_record_name %>\nquota=<%= p('limits')['memory'] * p('workers') %>\n"};

std::shared_ptr<const JobTemplates> job() {
  Files files;
  for (std::size_t i = 1; i < templates.size(); ++i) files.emplace_back("config/" + std::to_string(i), templates[i]);
  auto made = std::make_shared<JobTemplates>(*job_of("web", files));
  made->monit = templates.front();
  return made;
}

std::string address_of(int number) {
  return "10." + std::to_string(number >> 16) + "." + std::to_string(number >> 8 & 255) + "." + std::to_string(number & 255);
}

InstanceToRender instance(const std::shared_ptr<const JobTemplates>& templates_of_job, int number) {
  Json users = Json::array(), peers = Json::array();
  for (int i = 0; i < 4; ++i) users.push_back({{"name", "user" + std::to_string(i)}, {"role", i == 0 ? "admin" : "reader"}});
  for (int i = 0; i < 3; ++i) {
    peers.push_back({{"name", "db"}, {"index", i}, {"id", "db-" + std::to_string(i)}, {"az", "z" + std::to_string(i + 1)},
                     {"address", address_of(70000 + i)}, {"bootstrap", i == 0}});
  }
  JobToRender web{templates_of_job};
  web.properties = {{"port", 8000 + number % 1000},
                    {"workers", 4},
                    {"log", {{"level", nullptr}}},
                    {"tls", {{"enabled", number % 2 == 0}, {"ciphers", {"AES256", "CHACHA20"}}}},
                    {"limits", {{"memory", 512}, {"files", 65536}}},
                    {"proxy", {{"url", number % 3 == 0 ? Json("http://proxy:3128") : Json()}}},
                    {"users", users}};
  web.links = {{"db", {{"instances", peers}, {"properties", {{"name", "orders"}}}}}};
  auto made = instance_of({web}, number);
  const auto address = address_of(number);
  made.spec["address"] = made.spec["ip"] = made.spec["networks"]["default"]["ip"] = address;
  return made;
}

template <class T>
std::vector<T> every(std::size_t step, const std::vector<T>& all) {
  std::vector<T> some;
  for (std::size_t i = 0; i < all.size(); i += step) some.push_back(all[i]);
  return some;
}

std::string digest_of(const std::vector<RenderedInstance>& rendered) {
  Hasher all(DigestKind::sha256);
  const auto add = [&](const RenderedInstance& one, const std::string& name) {
    for (const auto& file : one.files) {
      if (file.name != name) continue;
      all.update(std::to_string(file.content.size()) + ":");
      all.update(file.content);
    }
  };
  for (const auto& one : rendered) {
    add(one, "web/monit");
    for (std::size_t i = 1; i < templates.size(); ++i) add(one, "web/config/" + std::to_string(i));
  }
  return all.hex();
}

struct Sample {
  double ms = 0;
  std::string digest, digest_of_some;
};

constexpr std::size_t rivals_share = 5;

Sample ours(Renderer& renderer, const std::vector<InstanceToRender>& part) {
  const auto begun = std::chrono::steady_clock::now();
  const auto rendered = renderer.render(part);
  const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
  return {ms, digest_of(rendered), digest_of(every(rivals_share, rendered))};
}

void write_input(const std::vector<InstanceToRender>& part, const std::filesystem::path& file) {
  Json instances = Json::array();
  for (const auto& one : part) {
    instances.push_back({{"spec", one.spec}, {"properties", one.jobs.at(0).properties}, {"links", one.jobs.at(0).links}});
  }
  write_file_atomically(file, Json{{"templates", templates}, {"instances", instances}}.dump());
}

Sample baseline(const std::string& script, const std::string& kind, const std::string& input, unsigned workers) {
  std::istringstream out(run_checked({.argv = {"/usr/bin/ruby", script, kind, input, std::to_string(workers)}}));
  Sample sample;
  out >> sample.ms >> sample.digest;
  sample.ms *= 1000;
  return sample;
}

void measure(const std::string& script, int count, int repeats) {
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  const TempDir folder("bench-render");
  const auto input = (folder.path() / "input.json").string();
  const auto templates_of_job = job();
  Renderer renderer({.workers = cores});
  renderer.render({instance(templates_of_job, 0), instance(templates_of_job, 1)});  // starts the workers
  for (int part = 0; part < repeats; ++part) {
    std::vector<InstanceToRender> wanted;
    for (int n = part; n < count; n += repeats) wanted.push_back(instance(templates_of_job, n));
    const auto some = every(rivals_share, wanted);
    Sample own, rival, floor;
    if (part % 2 == 0) own = ours(renderer, wanted);
    write_input(some, input);
    rival = baseline(script, "rival", input, 1);
    rival.ms *= static_cast<double>(wanted.size()) / static_cast<double>(some.size());
    write_input(wanted, input);
    floor = baseline(script, "floor", input, cores);
    if (part % 2 == 1) own = ours(renderer, wanted);
    if (own.digest_of_some != rival.digest || own.digest != floor.digest)
      throw Error(Fault::internal, "the same templates gave other bytes");
    std::cout << own.ms << " " << rival.ms << " " << floor.ms << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: slipway-bench-render BASELINE.rb COUNT REPEATS\n";
    return 2;
  }
  try {
    measure(argv[1], std::atoi(argv[2]), std::atoi(argv[3]));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "slipway-bench-render: " << error.what() << "\n";
    return 1;
  }
}
