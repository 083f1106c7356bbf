#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "director/planner/resolve.hpp"

namespace slipway::director {

// Where one planned instance can be reached in one network.
struct LinkAddress {
  std::string ip;    // empty in a dynamic network
  std::string name;  // its DNS name
};

// What links need to know of a group whose instances are placed.
struct LinkGroup {
  const InstanceGroup* group = nullptr;
  struct Member {
    const PlannedInstance* instance = nullptr;
    std::map<std::string, LinkAddress> addresses;  // by network
  };
  std::vector<Member> members;
};

// Resolves what the jobs of a deployment consume. Content is built once per provider,
// network and kind of address, however many instances consume it.
// Source: contracts/director-api.md section 7.
class Links {
 public:
  Links(const Desired& desired, const World& world, const ChosenVersions& resolution, const std::vector<LinkGroup>& groups,
        NumberGivers& numbers);

  // Link name → content for one job of a group; problems are appended.
  Json resolve(const InstanceGroup& group, const JobUse& job, Problems& problems);

  // Everything marked `shared: true`, as World::shared_links of other deployments takes it.
  Json shared();

  // By instance group, with use_link_dns_names: the keys of the DNS groups that its links make it a member of.
  std::map<std::string, std::set<std::string>> dns_groups() const;

 private:
  struct Provider {
    const LinkGroup* group = nullptr;
    const JobUse* job = nullptr;  // null: a named disk
    std::string name, alias, type;
    bool shared = false;
    Json properties = Json::object();
  };

  void collect(const LinkGroup& group, Problems& problems);
  void add_provider(const LinkGroup& group, const JobUse& job, const JobRecord& record, const Json& definition,
                    bool custom, Problems& problems);
  void add_disks(const LinkGroup& group);
  const Provider* find(const InstanceGroup& group, const JobUse& job, const Json& definition,
                       const LinkConsumer* consumer, const std::string& place, Problems& problems) const;
  Json from_other_deployment(const LinkConsumer& consumer, const std::string& type, const std::string& place,
                             Problems& problems) const;
  const Json* content(const Provider& provider, const LinkConsumer* consumer, const std::string& place,
                      Problems& problems);
  Json content_frame(const Provider& provider, const std::string& network);
  // The number of the group that short names of the provider's instances are in.
  std::int64_t dns_group(const Provider& provider);
  std::string dns_name_of(const Provider& provider, const LinkGroup::Member& member, const std::string& network);

  const Desired& desired_;
  const World& world_;
  const ChosenVersions& resolution_;
  NumberGivers& numbers_;
  Json az_ids_ = Json::object();
  std::vector<Provider> providers_;
  std::unordered_map<std::string, std::vector<std::size_t>> by_type_, by_alias_;
  std::unordered_map<std::string, Json> contents_;
  Problems found_early_;  // told with the first resolve()
};

// The properties a job is given: its own, or else the group's over the manifest's.
Json properties_for(const Manifest& manifest, const InstanceGroup& group, const JobUse& job);

}  // namespace slipway::director
