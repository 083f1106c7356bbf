#include "cli/changes_view.hpp"

#include "cli/cluster_view.hpp"
#include "cli/terminal.hpp"

namespace slipway::cli {

namespace {

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

// Lists are told by what their entries are called; certificates are too long to look at.
std::string shown(const Json& value) {
  if (value.is_null()) return "-";
  if (!value.is_array()) return value.is_string() ? value.get<std::string>() : dump(value);
  std::string text;
  for (const auto& entry : value) {
    auto word = entry.is_string() ? entry.get<std::string>() : field(entry, "domain_name");
    if (word.empty() && !field(entry, "host").empty()) word = sink_text(entry);
    if (word.empty()) word = field(entry, "name") + ":" + field(entry, "value");
    text += (text.empty() ? "" : ", ") + word;
  }
  return text.empty() ? "-" : text;
}

}  // namespace

Json parsed_tags(const std::string& text) {
  Json tags = Json::array();
  if (trimmed(text).empty()) return tags;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    const auto tag = text.substr(begin, end - begin);
    const auto colon = tag.find(':');
    const auto name = trimmed(tag.substr(0, colon));
    if (colon == std::string::npos || name.empty()) {
      throw UsageError("'" + printable(tag) + "' is no tag; expected are NAME:VALUE,NAME:VALUE");
    }
    tags.push_back({{"name", name}, {"value", trimmed(tag.substr(colon + 1))}});
    begin = end + 1;
  }
  return tags;
}

std::string changes_text(const Json& preview) {
  std::string text;
  for (const auto& change : preview.value("changes", Json::array())) {
    const auto setting = field(change, "setting");
    text += "  " + printable(setting) + ": ";
    // Of a plan the places are told, not what stands there.
    text += setting == "plan" ? printable(shown(change.value("to", Json()))) + " has changed"
                              : printable(shown(change.value("from", Json()))) + " -> " +
                                    printable(shown(change.value("to", Json())));
    text += "\n";
  }
  for (const auto& warning : preview.value("warnings", Json::array())) {
    if (warning.is_string()) text += "  Attention: " + printable(warning.get<std::string>()) + "\n";
  }
  return text;
}

}  // namespace slipway::cli
