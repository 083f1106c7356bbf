#include <set>

#include "cli/cluster_view.hpp"
#include "cli/commands/commands.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

namespace {

Json listed(const std::string& text) {
  Json names = Json::array();
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    names.push_back(checked_cluster_name(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return names;
}

// A line when a cluster's upgrade begins and one when it ends.
class Watch {
 public:
  explicit Watch(std::ostream& out) : out_(out) {}
  void show(const Json& task) {
    for (const auto& member : task.value("clusters", Json::array())) {
      const auto name = field(member, "cluster_name"), state = field(member, "last_action_state");
      if (member.value("start_time", 0L) != 0 && begun_.insert(name).second) {
        out_ << "Upgrade of cluster " << printable(name) << " has begun\n";
      }
      if (member.value("end_time", 0L) == 0 || !ended_.insert(name).second) continue;
      const auto why = field(member, "last_action_description");
      out_ << "Upgrade of cluster " << printable(name) << " "
           << (state == "queued" ? "was not begun" : printable(state))
           << (why.empty() ? "" : ": " + printable(why)) << "\n";
      all_well_ = all_well_ && state == "succeeded";
    }
    out_ << std::flush;
  }
  bool all_well() const { return all_well_; }

 private:
  std::ostream& out_;
  std::set<std::string> begun_, ended_;
  bool all_well_ = true;
};

}  // namespace

Manual UpgradeClusters::manual() {
  return {"upgrade-clusters",
          {},
          "",
          "Upgrade many clusters: canaries one by one, then the others",
          {"pks upgrade-clusters --clusters a,b,c --max-in-flight 2",
           "pks upgrade-clusters --clusters a,b,c --canaries d --wait --non-interactive"}};
}

int UpgradeClusters::run(const Words& words) {
  std::string clusters, canaries;
  int in_flight = 0;
  long timeout = 0;
  bool json = false, wait = false, quiet = false;
  CommandLine line(manual());
  line.flags()("clusters,c", po::value(&clusters)->required(), "names, joined by commas")(
      "canaries", po::value(&canaries),
      "names of those that go first; when one fails, nothing more is begun")(
      "max-in-flight", po::value(&in_flight)->default_value(1),
      "clusters upgraded at once after the canaries")("wait", po::bool_switch(&wait),
                                                      "tell of each cluster and return at the end")(
      "timeout", po::value(&timeout)->default_value(86400), "seconds that --wait waits at most")(
      "json", po::bool_switch(&json), "the API's answer")("non-interactive", po::bool_switch(&quiet),
                                                          "do not ask");
  line.parse(words);
  const Json request = {
      {"clusters", listed(clusters)}, {"canaries", listed(canaries)}, {"max_in_flight", in_flight}};
  if (request.at("clusters").empty() && request.at("canaries").empty())
    throw UsageError("no cluster is named");
  CredentialsFile file(terminal);
  Api api(file);
  if (!quiet && !confirm(terminal, "Are you sure you want to upgrade clusters " + clusters +
                                       (canaries.empty() ? "" : ", and before them " + canaries) + "?")) {
    throw Exit(exit_declined, "Nothing was changed.");
  }
  auto task = api.call("PATCH", "/v1/clusters", dump(request));
  const auto id = field(task, "uuid");
  if (!json) {
    terminal.out << "Your taskID for the upgrade task is: " << id << "\nUse 'pks task " << id
                 << "' to monitor it, 'pks cancel-task " << id << "' to keep what is queued from beginning\n";
  }
  bool well = true;
  if (wait) {
    Watch watch(json ? terminal.err : terminal.out);
    const auto deadline = clock.monotonic() + std::chrono::seconds(timeout);
    while (true) {
      task = api.get("/v1/tasks/" + id);
      watch.show(task);
      if (task.value("end_time", 0L) != 0) break;
      if (clock.monotonic() >= deadline) {
        throw Exit(exit_timeout, "the task still goes on; look again with: pks task " + id);
      }
      clock.sleep_for(std::chrono::seconds(1));
    }
    well = watch.all_well();
  }
  if (json) terminal.out << task.dump(2) << "\n";
  if (!well) throw Exit(exit_failed, "not all clusters were upgraded; see: pks task " + id);
  return exit_ok;
}

}  // namespace slipway::cli
