#include "base/file.hpp"
#include "base/yaml.hpp"
#include "cli/cluster_view.hpp"
#include "cli/commands/commands.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

namespace {

std::string path_of(const ProfileKind& kind) { return std::string("/v1/") + kind.word + "-profiles"; }

std::vector<std::string> with_short_name(const ProfileKind& kind, const std::string& before,
                                         const std::string& after) {
  if (std::string(kind.word) != "kubernetes") return {};
  return {before + "k8s-profile" + after};
}

std::string profile_word(const ProfileKind& kind) { return std::string(kind.word) + "-profile"; }

}  // namespace

Manual ListProfiles::manual() const {
  const auto name = profile_word(kind) + "s";
  return {name,
          with_short_name(kind, "", "s"),
          "",
          std::string("List the ") + kind.word + " profiles",
          {"pks " + name}};
}

int ListProfiles::run(const Words& words) {
  bool json = false;
  CommandLine line(manual());
  line.flags()("json", po::bool_switch(&json), "the API's answer");
  line.parse(words);
  CredentialsFile file(terminal);
  const auto profiles = Api(file).get(path_of(kind));
  if (json) {
    terminal.out << profiles.dump(2) << "\n";
    return exit_ok;
  }
  const bool of_kubernetes = std::string(kind.word) == "kubernetes";
  std::vector<std::vector<std::string>> rows;
  for (const auto& profile : profiles) {
    if (of_kubernetes) {
      const auto made = profile.value("created_at", std::int64_t{0});
      rows.push_back({field(profile, "name"), field(profile, "owner"), to_rfc3339(from_epoch_seconds(made))});
    } else {
      rows.push_back({field(profile, "name"), field(profile, "description")});
    }
  }
  terminal.out << "\n"
               << table(of_kubernetes ? Words{"K8s-profile", "Owner", "Created Date"}
                                      : Words{"Name", "Description"},
                        rows)
               << "\n";
  return exit_ok;
}

Manual ShowProfile::manual() const {
  const auto name = profile_word(kind);
  return {name,
          with_short_name(kind, "", ""),
          "PROFILE-NAME",
          std::string("Show one ") + kind.word + " profile",
          {"pks " + name + " wide"}};
}

int ShowProfile::run(const Words& words) {
  bool json = false;
  CommandLine line(manual());
  line.flags()("json", po::bool_switch(&json), "the API's answer");
  line.parse(words);
  CredentialsFile file(terminal);
  const auto profile = Api(file).get(path_of(kind) + "/" + http::url_encode(line.argument()));
  terminal.out << (json ? profile.dump(2) + "\n" : "\n" + to_yaml(profile) + "\n");
  return exit_ok;
}

Manual CreateProfile::manual() const {
  const auto name = "create-" + profile_word(kind);
  return {name,
          with_short_name(kind, "create-", ""),
          "FILE",
          std::string("Make a ") + kind.word + " profile of a JSON or YAML file",
          {"pks " + name + " profile.json"}};
}

int CreateProfile::run(const Words& words) {
  CommandLine line(manual());
  line.parse(words);
  const auto request = parse_yaml(read_file(line.argument()), line.argument());
  CredentialsFile file(terminal);
  Api(file).call("POST", path_of(kind), dump(request));
  terminal.out << kind.title << " profile " << printable(field(request, "name")) << " successfully created\n";
  return exit_ok;
}

Manual DeleteProfile::manual() const {
  const auto name = "delete-" + profile_word(kind);
  return {name,
          with_short_name(kind, "delete-", ""),
          "PROFILE-NAME",
          std::string("Delete a ") + kind.word + " profile that no cluster uses",
          {"pks " + name + " wide"}};
}

int DeleteProfile::run(const Words& words) {
  bool quiet = false;
  CommandLine line(manual());
  line.flags()("non-interactive", po::bool_switch(&quiet), "do not ask");
  line.parse(words);
  const auto& name = line.argument();
  CredentialsFile file(terminal);
  Api api(file);
  if (!quiet && !confirm(terminal, std::string("Are you sure you want to delete the ") + kind.word +
                                       " profile " + printable(name) + "?")) {
    throw Exit(exit_declined, "Nothing was deleted.");
  }
  api.call("DELETE", path_of(kind) + "/" + http::url_encode(name), "");
  terminal.out << kind.title << " profile " << printable(name) << " is deleted.\n";
  return exit_ok;
}

}  // namespace slipway::cli
