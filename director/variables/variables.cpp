#include "director/variables/variables.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/parallel.hpp"
#include "base/tls.hpp"
#include "director/domain/error_codes.hpp"
#include "director/domain/names.hpp"
#include "director/domain/reader.hpp"
#include "director/variables/generators.hpp"
#include "director/variables/placeholders.hpp"

namespace slipway::director {

// CAs before what they sign, else in the order given. A circle is a problem.
class Variables::SigningOrder {
 public:
  SigningOrder(const std::vector<Definition>& definitions, Problems& problems)
      : definitions_(definitions), problems_(problems) {
    for (std::size_t i = 0; i < definitions.size(); ++i) by_name_.emplace(definitions[i].name, i);
    marks_.assign(definitions.size(), Mark::fresh);
  }

  std::vector<std::size_t> run() {
    for (std::size_t i = 0; i < definitions_.size(); ++i) visit(i);
    return std::move(order_);
  }

 private:
  enum class Mark { fresh, open, done };
  void visit(std::size_t i) {
    if (marks_[i] == Mark::done) return;
    if (marks_[i] == Mark::open) {
      problems_.add(definitions_[i].place + ".options.ca", "'" + definitions_[i].name + "' is signed by itself, in a circle",
                    code::variable_generation);
      return;
    }
    marks_[i] = Mark::open;
    if (const auto ca = by_name_.find(definitions_[i].ca); ca != by_name_.end()) visit(ca->second);
    marks_[i] = Mark::done;
    order_.push_back(i);
  }

  const std::vector<Definition>& definitions_;
  Problems& problems_;
  std::map<std::string, std::size_t> by_name_;
  std::vector<Mark> marks_;
  std::vector<std::size_t> order_;
};

namespace {

std::string update_mode(HashReader& in, bool converge) {
  const auto mode = in.text_or("update_mode", converge ? "converge" : "no-overwrite");
  if (mode != "no-overwrite" && mode != "overwrite" && mode != "converge") {
    in.complain("update_mode", "is '" + mode + "'; allowed are 'no-overwrite', 'overwrite' and 'converge'",
                code::variables_format);
  }
  return mode;
}

}  // namespace

std::string Variables::absolute(const std::string& name, const std::string& deployment) const {
  return name.starts_with('/') ? name : "/" + director_name_ + "/" + deployment + "/" + name;
}

void Variables::pin(const std::string& deployment) {
  pinned_ = true;
  for (auto& record : values_.pinned(deployment)) held_[record.name] = std::move(record);
}

void Variables::keep_until_stemcell_changes(const std::string& deployment) {
  for (auto& record : values_.pinned(deployment)) deployed_[record.name] = std::move(record);
}

void Variables::read_strategy(HashReader& in, Definition& definition) const {
  HashReader update(in.hash_or_empty("update"), in.place("update"), in.problems());
  const auto strategy = update.text_or("strategy", "on-deploy");
  definition.only_with_stemcell = strategy == "on-stemcell-change";
  if (strategy != "on-deploy" && !definition.only_with_stemcell) {
    update.complain("strategy", "is '" + strategy + "'; allowed are 'on-deploy' and 'on-stemcell-change'",
                    code::variables_format);
  }
}

// {from, properties: {wildcard}} of one of the two things a certificate takes from a link.
std::string Variables::consumed(HashReader& links, const char* key) const {
  if (!links.has(key)) return "";
  HashReader link(links.hash_or_empty(key), links.place(key), links.problems());
  const auto from = link.text_or("from", key);
  HashReader properties(link.hash_or_empty("properties"), link.place("properties"), links.problems());
  const bool wildcard = properties.boolean_or("wildcard", false);
  const auto address = address_of_link_ ? address_of_link_(from) : std::nullopt;
  if (!address) {
    link.complain("from", "is '" + from + "', and no job of the manifest defines a link '" + from +
                              "' of type 'address' under custom_provider_definitions",
                  code::invalid_link);
    return "";
  }
  return wildcard ? "*" + address->substr(address->find('.')) : *address;
}

void Variables::read_links(HashReader& in, Definition& definition) const {
  if (!in.has("consumes")) return;
  if (definition.type != "certificate") {
    in.complain("consumes", "stands at a variable of type '" + definition.type + "'; only a 'certificate' consumes links",
                code::variables_format);
    return;
  }
  const auto& given = in.hash_or_empty("consumes");
  HashReader links(given, in.place("consumes"), in.problems());
  for (const auto& [name, unused] : given.items()) {
    if (name == "alternative_name" || name == "common_name") continue;
    links.complain(name, "is no link of a certificate; allowed are 'alternative_name' and 'common_name'",
                   code::variables_format);
  }
  auto& options = definition.options;
  const auto common_name = consumed(links, "common_name");
  if (!common_name.empty() && !options.contains("common_name")) options["common_name"] = common_name;
  const auto alternative_name = consumed(links, "alternative_name");
  if (alternative_name.empty()) return;
  auto& names = options["alternative_names"];
  if (names.is_null()) names = Json::array();
  if (names.is_array()) names.push_back(alternative_name);
}

std::optional<VariableRecord> Variables::find(const std::string& name) const {
  if (const auto held = held_.find(name); held != held_.end()) return held->second;
  return values_.latest(name);
}

VariableRecord Variables::keep(const std::string& name, const Json& value, bool is_first) {
  if (!stores_) return held_[name] = {0, name, value};
  return is_first ? values_.put_if_absent(name, value, clock_.now()) : values_.put(name, value, clock_.now());
}

std::vector<Variables::Definition> Variables::definitions(const std::vector<const Json*>& documents,
                                                          const std::string& deployment, Problems& problems) const {
  HashReader manifest(*documents.front(), "", problems);
  const bool converge =
      HashReader(manifest.hash_or_empty("features"), "features", problems).boolean_or("converge_variables", false);
  std::vector<Definition> found;
  for (const auto* document : documents) {
    HashReader top(*document, "", problems);
    const auto& list = top.array_or_empty("variables");
    for (std::size_t i = 0; i < list.size(); ++i) {
      HashReader in(list[i], item_place("variables", i), problems);
      const auto name = in.text("name");
      if (const auto wrong = name_problem(name); !name.empty() && !wrong.empty()) {
        in.complain("name", "'" + name + "' " + wrong, code::variable_name_syntax);
      }
      Definition definition{absolute(name, deployment), in.place(), in.text("type"), update_mode(in, converge), "",
                            in.hash_or_empty("options"), false};
      read_strategy(in, definition);
      read_links(in, definition);
      const auto ca = HashReader(definition.options, in.place("options"), problems).text_or("ca", "");
      if (!ca.empty()) definition.ca = absolute(ca, deployment);
      found.push_back(std::move(definition));
    }
  }
  return found;
}

Variables::Known Variables::read_all(const std::vector<Definition>& wanted) const {
  Known known;
  for (const auto& definition : wanted) {
    if (!known.contains(definition.name)) known[definition.name] = find(definition.name);
  }
  return known;
}

// Of the usual length, for certificates that are not there yet: making a key takes a hundred times what all the rest takes.
std::vector<Secret> Variables::keys_for(const std::vector<Definition>& wanted, const Known& known) const {
  std::size_t count = 0;
  for (const auto& definition : wanted) {
    const bool usual = definition.type == "certificate" && !definition.options.contains("key_length");
    if (usual && !deployed_.contains(definition.name) && !known.at(definition.name)) ++count;
  }
  std::vector<Secret> keys(count);
  parallel_for(count, key_threads_, [&](std::size_t i) { keys[i] = tls::create_rsa_key(default_key_length).private_key_pem; });
  return keys;
}

std::vector<std::int64_t> Variables::generate(const std::vector<const Json*>& documents, const std::string& deployment) {
  std::set<std::int64_t> ids;
  if (pinned_) {
    for (const auto& [name, record] : held_) ids.insert(record.id);
    return {ids.begin(), ids.end()};
  }
  Problems problems;
  const auto wanted = definitions(documents, deployment, problems);
  const auto order = SigningOrder(wanted, problems).run();
  problems.throw_if_any("variables");

  const FindCa find_ca = [&](const std::string& name) -> std::optional<Json> {
    auto record = find(absolute(name, deployment));
    if (!record) return std::nullopt;
    ids.insert(record->id);
    return std::move(record->value);
  };
  auto known = read_all(wanted);
  std::vector<Secret> keys;
  if (key_threads_ > 1) keys = keys_for(wanted, known);
  const TakeKey take_key = [&](int bits) -> std::optional<Secret> {
    if (bits != default_key_length || keys.empty()) return std::nullopt;
    auto key = std::move(keys.back());
    keys.pop_back();
    return key;
  };
  for (const auto i : order) {
    const auto& definition = wanted[i];
    const auto deployed = deployed_.find(definition.name);
    if (definition.only_with_stemcell && deployed != deployed_.end()) {
      held_[definition.name] = deployed->second;
      known[definition.name] = deployed->second;
      ids.insert(deployed->second.id);
      continue;
    }
    auto& before = known.at(definition.name);
    const bool fits = before && (definition.mode == "no-overwrite" ||
                                 (definition.mode == "converge" &&
                                  still_fits(definition.type, definition.options, before->value, find_ca)));
    if (fits) {
      ids.insert(before->id);
      continue;
    }
    const auto options = interpolate(definition.options, deployment);
    const auto value = generate_value(definition.type, options, definition.place, find_ca, take_key, clock_.now(), problems);
    if (!value) continue;
    before = keep(definition.name, *value, !before);
    ids.insert(before->id);
  }
  problems.throw_if_any("variables");

  for (const auto* document : documents) {
    for (const auto& placeholder : find_placeholders(*document)) {
      if (const auto record = find(absolute(placeholder.name, deployment))) ids.insert(record->id);
    }
  }
  ids.erase(0);  // not stored
  return {ids.begin(), ids.end()};
}

Json Variables::interpolate(const Json& manifest, const std::string& deployment) const {
  Problems problems;
  std::map<std::string, Json> values;
  std::map<std::string, std::optional<Json>> read;
  for (const auto& placeholder : find_placeholders(manifest)) {
    if (const auto wrong = name_problem(placeholder.name); !wrong.empty()) {
      problems.add(placeholder.text, "its name " + wrong, code::variable_name_syntax);
      continue;
    }
    const auto name = absolute(placeholder.name, deployment);
    const auto [at, fresh] = read.try_emplace(name);
    if (fresh) {
      if (auto record = find(name)) at->second = std::move(record->value);
    }
    if (!at->second) {
      problems.add(placeholder.text, "variable '" + name + "' has no value; define it under 'variables' or set it",
                   code::variable_name_missing);
      continue;
    }
    const Json* value = &*at->second;
    for (const auto& key : placeholder.keys) {
      if (!value->is_object() || !value->contains(key)) {
        std::vector<std::string> known;
        if (value->is_object()) {
          for (const auto& [name_of_key, unused] : value->items()) known.push_back(name_of_key);
        }
        problems.add(placeholder.text, "variable '" + name + "' has no key '" + key + "'; it has " + quoted_list(known),
                     code::variable_name_missing);
        value = nullptr;
        break;
      }
      value = &value->at(key);
    }
    if (value != nullptr) values.emplace(placeholder.text, *value);
  }
  auto out = replace_placeholders(manifest, values, problems);
  problems.throw_if_any("variables");
  return out;
}

}  // namespace slipway::director
