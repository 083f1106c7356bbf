#include "director/domain/cpi_config.hpp"

#include <algorithm>
#include <set>

#include "director/domain/error_codes.hpp"
#include "director/domain/reader.hpp"

namespace slipway::director {

namespace {

bool is_placeholder(const Json& value) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  return text.starts_with("((") && text.ends_with("))");
}

// "" is a former name as well, so text() will not do.
std::vector<std::string> former_names(HashReader& in) {
  std::vector<std::string> names;
  const auto& list = in.array_or_empty("migrated_from");
  for (std::size_t i = 0; i < list.size(); ++i) {
    HashReader item(list[i], item_place(in.place("migrated_from"), i), in.problems());
    if (!item.has("name")) item.complain("name", "is required and missing", code::missing_field);
    names.push_back(item.text_or("name", ""));
  }
  return names;
}

CpiEntry read_entry(const Json& value, const std::string& place, Problems& problems) {
  HashReader in(value, place, problems);
  CpiEntry entry;
  entry.name = in.text("name");
  entry.type = in.text("type");
  entry.exec_path = in.text_or("exec_path", "/var/vcap/jobs/" + entry.type + "_cpi/bin/cpi");
  if (const auto* properties = in.find("properties"); properties && !is_placeholder(*properties))
    entry.properties = in.hash_or_empty("properties");
  entry.migrated_from = former_names(in);
  return entry;
}

void refuse_duplicates(const CpiConfig& config, Problems& problems) {
  std::set<std::string> names;
  const auto take = [&](const std::string& name) {
    if (!names.insert(name).second)
      problems.add("cpis", "CPI name '" + name + "' is given twice", code::duplicate_cpi);
  };
  for (const auto& entry : config.cpis) take(entry.name);
  for (const auto& entry : config.cpis) {
    for (const auto& name : entry.migrated_from) take(name);
  }
}

}  // namespace

const CpiEntry* CpiConfig::find(const std::string& name) const {
  const auto knows = [&](const CpiEntry& entry) {
    return entry.name == name ||
           std::find(entry.migrated_from.begin(), entry.migrated_from.end(), name) != entry.migrated_from.end();
  };
  const auto found = std::find_if(cpis.begin(), cpis.end(), knows);
  return found == cpis.end() ? nullptr : &*found;
}

CpiConfig parse_cpi_config(const std::vector<NamedConfig>& configs) {
  Problems problems;
  CpiConfig out;
  for (const auto& config : configs) {
    HashReader in(config.content, configs.size() == 1 ? "" : config.name, problems);
    const auto& list = in.array("cpis");
    for (std::size_t i = 0; i < list.size(); ++i)
      out.cpis.push_back(read_entry(list[i], item_place(in.place("cpis"), i), problems));
  }
  refuse_duplicates(out, problems);
  problems.throw_if_any("CPI config");
  return out;
}

}  // namespace slipway::director
