#include <doctest/doctest.h>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/yaml.hpp"
#include "cli/scenario/pks_lab.hpp"

// Who may do what, and what is known afterwards: profiles by their commands, and the audit log of the real
// daemon.

namespace slipway::cli::governance_test {

namespace {

std::filesystem::path audit_file(const Lab& lab) {
  return std::filesystem::path(lab.folder()) / "state/audit.log";
}

std::vector<Json> audit_lines(const Lab& lab) {
  std::vector<Json> lines;
  const auto text = read_file(audit_file(lab));
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = text.find('\n', begin);
    lines.push_back(parse_json(text.substr(begin, end - begin), "audit"));
    begin = end + 1;
  }
  return lines;
}

Json line_of(const Lab& lab, const std::string& who, const std::string& what, const std::string& outcome) {
  for (const auto& line : audit_lines(lab)) {
    if (line.at("who") == who && line.at("what") == what && line.at("outcome") == outcome) return line;
  }
  FAIL("no line of " << who << ", " << what << ", " << outcome);
  return {};
}

}  // namespace

TEST_CASE("profiles are made, used, kept while they are used, and deleted") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  const auto file = admin.home() / "profile.yml";
  write_file_atomically(file, "name: near\ndescription: in one zone\nparameters: {worker_azs: [z2]}\n");
  CHECK(contains(admin.pks({"create-compute-profile", file.string()}).standard_output,
                 "near successfully created"));
  write_file_atomically(
      file, "name: many-pods\ncustomizations: [{component: kubelet, arguments: {max-pods: '200'}}]\n");
  CHECK(admin.pks({"create-k8s-profile", file.string()}).exit_code == 0);
  CHECK(contains(admin.pks({"compute-profiles"}).standard_output, "near  in one zone"));
  CHECK(contains(admin.pks({"kubernetes-profiles"}).standard_output, "many-pods    admin"));
  CHECK(contains(admin.pks({"k8s-profile", "many-pods"}).standard_output, "max-pods"));
  CHECK(admin.pks({"create-network-profile", "/none"}).exit_code == 1);

  auto words = create("demo", true, "kube");
  words.insert(words.end(), {"--compute-profile", "near"});
  REQUIRE(admin.pks(words).exit_code == 0);
  CHECK(
      admin
          .pks({"update-cluster", "demo", "--kubernetes-profile", "many-pods", "--wait", "--non-interactive"})
          .exit_code == 0);
  const auto manifest = lab.director.manifest_of_only_deployment();
  CHECK(manifest.at("instance_groups")[1].at("azs") == Json{"z2"});
  CHECK(contains(dump(manifest), "\"arguments\":{\"max-pods\":\"200\"}"));
  CHECK(contains(admin.pks({"cluster", "demo"}).standard_output, "Kubernetes Profile Name:  many-pods"));

  CHECK(contains(admin.pks({"delete-compute-profile", "near", "--non-interactive"}).standard_error,
                 "in use by demo"));
  CHECK(admin.pks({"delete-cluster", "demo", "--wait", "--non-interactive"}).exit_code == 0);
  CHECK(admin.pks({"delete-compute-profile", "near"}, "n\n").exit_code == 5);
  CHECK(admin.pks({"delete-compute-profile", "near"}, "y\n").exit_code == 0);
  CHECK(admin.json({"compute-profiles"}).empty());
}

TEST_CASE("every call is in the audit log, and a changed byte is found") {
  Lab lab;
  lab.add_user("alana", {"pks.clusters.manage"});
  const auto alana = lab.logged_in("alana");
  CHECK(lab.user().log_in("alana", "guess").exit_code == 1);
  REQUIRE(alana.pks(create("hers", true, "kube")).exit_code == 0);
  CHECK(alana.pks({"get-credentials", "hers"}).exit_code == 0);
  CHECK(alana.call("DELETE", "/v1/quotas/alana").status == 403);
  auto stranger = lab.user();
  stranger.set_creds({{"access_token", "none"}});
  CHECK(stranger.call("GET", "/v1/clusters").status == 401);

  CHECK(line_of(lab, "local:" + std::to_string(::getuid()), "user add", "done").at("on") == "alana");
  CHECK(line_of(lab, "alana", "token password", "done").at("from") == "127.0.0.1");
  CHECK(line_of(lab, "alana", "token password", "refused").at("status") == 401);
  CHECK(line_of(lab, "alana", "POST /v1/clusters", "begun").at("on") == "/v1/clusters");
  CHECK(line_of(lab, "alana", "POST /v1/clusters", "done").at("status") == 202);
  CHECK(line_of(lab, "alana", "POST /v1/clusters/{name}/binds", "done").at("on") ==
        "/v1/clusters/hers/binds");
  CHECK(line_of(lab, "alana", "DELETE /v1/quotas/{owner}", "refused").at("status") == 403);
  CHECK(line_of(lab, "", "GET /v1/clusters", "refused").at("status") == 401);
  CHECK(contains(lab.api_program({"audit", "verify"}), "each as it was written"));
  const auto text = read_file(audit_file(lab));
  for (const auto& secret :
       {std::string("alana-password"), alana.creds().at("access_token").get<std::string>(),
        alana.creds().at("refresh_token").get<std::string>()}) {
    CHECK_FALSE(contains(text, secret));
  }

  auto changed = text;
  changed[changed.find("hers")] = 'H';
  write_file_atomically(audit_file(lab), changed, 0600);
  CHECK_THROWS_WITH_AS(lab.api_program({"audit", "verify"}), doctest::Contains("was changed: line"), Error);
  write_file_atomically(audit_file(lab), text, 0600);
}

TEST_CASE("the audit log holds after the API was killed among requests, and no order is missing in it") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  std::atomic<bool> stop = false;
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; !stop; ++i) {
        try {
          const auto owner = "o" + std::to_string(t) + "-" + std::to_string(i);
          const auto status =
              admin.call("POST", "/v1/quotas", {{"owner", owner}, {"limit", {{"cluster", 1}}}}).status;
          if (status == 201) ++answered;
          admin.call("GET", "/v1/quotas");
        } catch (const Error&) {
        }
      }
    });
  }
  while (answered < 20) std::this_thread::yield();
  lab.stop(SIGKILL);
  stop = true;
  for (auto& thread : threads) thread.join();
  lab.start();
  CHECK(contains(lab.api_program({"audit", "verify"}), "each as it was written"));
  const auto lines = audit_lines(lab);
  const auto count = [&](const char* outcome) {
    return std::count_if(lines.begin(), lines.end(), [&](const Json& line) {
      return line.at("what") == "POST /v1/quotas" && line.at("outcome") == outcome;
    });
  };
  const auto quotas = static_cast<std::ptrdiff_t>(admin.call("GET", "/v1/quotas").json().size());
  CHECK(count("begun") >= quotas);   // what took effect was noted before
  CHECK(count("done") >= answered);  // what was answered was noted as done
}

TEST_CASE("figures of requests and clusters are there for Prometheus, without names of tenants") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  REQUIRE(admin.pks(create("secret-project", true, "kube")).exit_code == 0);
  const auto text = admin.call("GET", "/metrics").body;
  CHECK(contains(text,
                 "slipway_pks_requests_total{method=\"POST\",route=\"/v1/clusters\",status=\"202\"} 1\n"));
  CHECK(contains(text, "slipway_pks_request_seconds_count{method=\"POST\",route=\"/v1/clusters\"} 1\n"));
  const auto uuid = admin.json({"cluster", "secret-project"}).at("uuid").get<std::string>();
  CHECK(contains(text, "slipway_pks_cluster_nodes{cluster=\"" + uuid + "\",plan=\"kube\"} 2\n"));
  CHECK(contains(text, "action=\"CREATE\",state=\"succeeded\"} 1\n"));
  CHECK_FALSE(contains(text, "secret-project"));
}

}  // namespace slipway::cli::governance_test
