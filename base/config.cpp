#include "base/config.hpp"

#include <algorithm>
#include <filesystem>

#include "base/file.hpp"
#include "base/yaml.hpp"

namespace slipway {

namespace {

// True when `key` is `parent` or stands below it ("tls.key" below "tls").
bool is_at_or_below(std::string_view key, std::string_view parent) {
  return key == parent || (key.size() > parent.size() && key.starts_with(parent) && key[parent.size()] == '.');
}

std::string beside(const std::string& source, const std::string& path) {
  if (path.empty() || path.front() == '/') return path;
  return (std::filesystem::path(source).parent_path() / path).string();
}

std::string table_cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

}  // namespace

Config Config::load(const std::string& file) {
  auto value = parse_yaml(read_file(file), file);
  return from(value.is_null() ? Json::object() : std::move(value), file);
}

Config Config::from(Json value, std::string source) {
  Config config;
  config.source_ = std::move(source);
  if (!value.is_object()) {
    config.problems_.add("", "must be a mapping of keys to values");
    value = Json::object();
  }
  config.root_ = std::move(value);
  return config;
}

Config Config::describing() {
  Config config;
  config.describing_ = true;
  config.root_ = Json::object();
  return config;
}

const Json* Config::find(const std::string& key) {
  const Json* here = &root_;
  for (std::size_t from = 0;;) {
    const auto dot = key.find('.', from);
    const auto found = here->find(key.substr(from, dot == std::string::npos ? dot : dot - from));
    if (found == here->end() || found->is_null()) return nullptr;
    here = &*found;
    if (dot == std::string::npos) return here;
    // finish() complains: it sees every value once, this function may see it often.
    if (!here->is_object()) return nullptr;
    from = dot + 1;
  }
}

std::string Config::string(const std::string& key, const std::string& help) {
  if (!describing_ && find(key) == nullptr) problems_.add(key, "is required: " + help);
  auto value = string(key, "", help);
  entries_.back().fallback = "(required)";
  return value;
}

std::string Config::string(const std::string& key, const std::string& fallback, const std::string& help) {
  entries_.push_back({key, "\"" + fallback + "\"", help});
  const auto* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_string()) return value->get<std::string>();
  problems_.add(key, "must be text (put quotes around it)");
  return fallback;
}

std::int64_t Config::integer(const std::string& key, std::int64_t fallback, std::int64_t min, std::int64_t max,
                             const std::string& help) {
  const auto range = std::to_string(min) + " to " + std::to_string(max);
  entries_.push_back({key, std::to_string(fallback), help + " (" + range + ")"});
  const auto* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_number_unsigned() || value->is_number_integer()) {
    const bool huge = value->is_number_unsigned() &&
                      value->get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    const auto number = huge ? std::numeric_limits<std::int64_t>::max() : value->get<std::int64_t>();
    if (!huge && number >= min && number <= max) return number;
  }
  problems_.add(key, "must be a whole number from " + range);
  return fallback;
}

bool Config::boolean(const std::string& key, bool fallback, const std::string& help) {
  entries_.push_back({key, fallback ? "true" : "false", help});
  const auto* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  problems_.add(key, "must be true or false");
  return fallback;
}

std::vector<std::string> Config::strings(const std::string& key, std::vector<std::string> fallback,
                                         const std::string& help) {
  entries_.push_back({key, dump(Json(fallback)), help});
  const auto* value = find(key);
  if (value == nullptr) return fallback;
  const auto is_text = [](const Json& item) { return item.is_string(); };
  if (value->is_array() && std::all_of(value->begin(), value->end(), is_text)) {
    return value->get<std::vector<std::string>>();
  }
  problems_.add(key, "must be a list of texts");
  return fallback;
}

std::string Config::path(const std::string& key, const std::string& help) {
  return beside(source_, string(key, help));
}

std::string Config::path(const std::string& key, const std::string& fallback, const std::string& help) {
  return beside(source_, string(key, fallback, help));
}

Json Config::value(const std::string& key, Json fallback, const std::string& help) {
  entries_.push_back({key, dump(fallback), help});
  const auto* value = find(key);
  return value == nullptr ? fallback : *value;
}

void Config::finish() {
  if (describing_) return;
  const auto visit = [this](const auto& self, const Json& object, const std::string& prefix) -> void {
    for (const auto& [name, value] : object.items()) {
      const auto key = prefix.empty() ? name : prefix + "." + name;
      const auto asked = [&](const Entry& entry) { return entry.key == key; };
      const auto above = [&](const Entry& entry) { return is_at_or_below(entry.key, key); };
      if (std::any_of(entries_.begin(), entries_.end(), asked)) continue;
      if (!std::any_of(entries_.begin(), entries_.end(), above)) {
        problems_.add(key, "unknown key");
      } else if (value.is_object()) {
        self(self, value, key);
      } else if (!value.is_null()) {
        problems_.add(key, "must be a mapping");
      }
    }
  };
  visit(visit, root_, "");
  problems_.throw_if_any(source_);
}

std::string Config::reference_markdown(const std::string& title) const {
  std::string page = "# " + title + "\n\n| Key | Default | Meaning |\n|---|---|---|\n";
  for (const auto& entry : entries_) {
    page += "| `" + entry.key + "` | `" + table_cell(entry.fallback) + "` | " + table_cell(entry.help) + " |\n";
  }
  return page;
}

}  // namespace slipway
