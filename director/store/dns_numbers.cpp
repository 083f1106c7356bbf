#include "director/store/dns_numbers.hpp"

#include <algorithm>

namespace slipway::director {
namespace {

std::string to_column(DnsNumberKind kind) {
  switch (kind) {
    case DnsNumberKind::az: return "az";
    case DnsNumberKind::network: return "network";
    case DnsNumberKind::group: return "group";
    case DnsNumberKind::instance: return "instance";
  }
  return "";
}

constexpr std::string_view of_kind = "SELECT name, number FROM dns_numbers WHERE kind = :1";

DnsNumbers::ByName by_name(const sql::Result& result) {
  DnsNumbers::ByName numbers;
  for (const auto& row : result.rows) numbers.emplace(row.text("name"), row.integer("number"));
  return numbers;
}

}  // namespace

DnsNumbers::ByName DnsNumbers::known(DnsNumberKind kind) { return by_name(db_.run(of_kind, {to_column(kind)})); }

DnsNumbers::ByName DnsNumbers::ensure(DnsNumberKind kind, const std::vector<std::string>& names) {
  auto numbers = known(kind);
  const auto is_known = [&](const std::string& name) { return numbers.contains(name); };
  if (std::all_of(names.begin(), names.end(), is_known)) return numbers;
  const auto column = to_column(kind);
  db_.transaction([&](sql::Session& session) {
    numbers = by_name(session.run(of_kind, {column}));
    std::int64_t last = 0;
    for (const auto& [name, number] : numbers) last = std::max(last, number);
    for (const auto& name : names) {
      if (!numbers.try_emplace(name, last + 1).second) continue;
      session.run("INSERT INTO dns_numbers (kind, name, number) VALUES (:1, :2, :3)", {column, name, ++last});
    }
  });
  return numbers;
}

void DnsLinkGroups::add(const std::string& deployment, const ByGroup& names) {
  if (names.empty()) return;
  db_.transaction([&](sql::Session& session) { insert(session, deployment, names); });
}

void DnsLinkGroups::replace(const std::string& deployment, const ByGroup& names) {
  if (of(deployment) == names) return;
  db_.transaction([&](sql::Session& session) {
    session.run("DELETE FROM dns_link_groups WHERE deployment = :1", {deployment});
    insert(session, deployment, names);
  });
}

void DnsLinkGroups::insert(sql::Session& session, const std::string& deployment, const ByGroup& names) {
  for (const auto& [group, keys] : names) {
    for (const auto& key : keys) {
      session.run("INSERT INTO dns_link_groups (deployment, instance_group, name) VALUES (:1, :2, :3) "
                  "ON CONFLICT (deployment, instance_group, name) DO NOTHING",
                  {deployment, group, key});
    }
  }
}

DnsLinkGroups::ByGroup DnsLinkGroups::of(const std::string& deployment) {
  ByGroup names;
  const auto result =
      db_.run("SELECT instance_group, name FROM dns_link_groups WHERE deployment = :1", {deployment});
  for (const auto& row : result.rows) names[row.text("instance_group")].insert(row.text("name"));
  return names;
}

}  // namespace slipway::director
