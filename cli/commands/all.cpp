#include "cli/commands/commands.hpp"

namespace slipway::cli {

std::vector<Entry> all_commands(Terminal& t, Clock& clock) {
  std::vector<Entry> entries;
  const auto add = [&](auto command) {
    entries.push_back(
        {command.manual(), [command](const Words& words) mutable { return command.run(words); }});
  };
  add(Login{t, clock});
  add(Logout{t});
  add(Plans{t});
  add(ListClusters{t});
  add(ShowCluster{t});
  add(CreateCluster{t, clock});
  add(Resize{t, clock});
  add(UpdateCluster{t, clock});
  add(UpgradeCluster{t, clock});
  add(UpgradeClusters{t, clock});
  add(DeleteCluster{t, clock});
  add(GetCredentials{t, clock});
  add(GetKubeconfig{t, clock});
  add(ClusterToken{t, clock});
  add(Certificates{t});
  add(RotateCertificates{t, clock});
  add(ListSinks{t});
  add(CreateSink{t, clock});
  add(DeleteSink{t, clock});
  add(ListTasks{t});
  add(ShowTask{t});
  add(CancelTask{t});
  for (const auto& order : {pause_task, resume_task, abort_task, retry_task}) add(SteerTask{t, clock, order});
  for (const auto kind : {ProfileKind{"network", "Network"}, ProfileKind{"kubernetes", "Kubernetes"},
                          ProfileKind{"compute", "Compute"}}) {
    add(ListProfiles{t, kind});
    add(ShowProfile{t, kind});
    add(CreateProfile{t, kind});
    add(DeleteProfile{t, kind});
  }
  std::vector<Manual> manuals;
  for (const auto& entry : entries) manuals.push_back(entry.manual);
  add(Completion{t, std::move(manuals)});
  return entries;
}

}  // namespace slipway::cli
