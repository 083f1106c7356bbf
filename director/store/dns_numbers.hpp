#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/sql/database.hpp"

namespace slipway::director {

// What a number in a DNS query stands for: "a1" a zone, "n1" a network, "q-g1" a group
// (by "deployment/group"), "m1" an instance (by id).
enum class DnsNumberKind { az, network, group, instance };

// A name keeps its number as long as it is known: rendered templates carry the numbers.
class DnsNumbers {
 public:
  using ByName = std::map<std::string, std::int64_t>;

  explicit DnsNumbers(sql::Database& db) : db_(db) {}
  // Every number of a kind.
  ByName known(DnsNumberKind kind);
  // Like known(), after new names of `names` got the next free numbers.
  ByName ensure(DnsNumberKind kind, const std::vector<std::string>& names);

 private:
  sql::Database& db_;
};

// Which groups of queries the instances of a group are in besides their own, by the names that numbers of groups are
// kept under.
class DnsLinkGroups {
 public:
  using ByGroup = std::map<std::string, std::set<std::string>>;

  explicit DnsLinkGroups(sql::Database& db) : db_(db) {}
  void add(const std::string& deployment, const ByGroup& names);
  // Nothing of what a deployment had before remains.
  void replace(const std::string& deployment, const ByGroup& names);
  ByGroup of(const std::string& deployment);

 private:
  static void insert(sql::Session& session, const std::string& deployment, const ByGroup& names);
  sql::Database& db_;
};

}  // namespace slipway::director
