#include "director/variables/placeholders.hpp"

#include <optional>
#include <string_view>
#include <unordered_set>

#include "director/domain/error_codes.hpp"

namespace slipway::director {

namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.' || c == '/';
}

// Calls `visit(text, begin, end)` for each "((name))" of `text`.
template <class Visit>
void each_placeholder(std::string_view text, Visit visit) {
  std::size_t from = 0;
  while ((from = text.find("((", from)) != std::string_view::npos) {
    auto at = from + 2;
    if (at < text.size() && text[at] == '!') ++at;
    const auto name = at;
    while (at < text.size() && is_name_character(text[at])) ++at;
    if (at > name && text.substr(at, 2) == "))") {
      visit(from, at + 2);
      from = at + 2;
    } else {
      ++from;
    }
  }
}

Placeholder parse(std::string_view text) {
  Placeholder out;
  out.text = text;
  auto inner = text.substr(2, text.size() - 4);
  if (inner.starts_with('!')) inner.remove_prefix(1);
  for (bool first = true;; first = false) {
    const auto dot = inner.find('.');
    const std::string part(inner.substr(0, dot));
    if (first) out.name = part;
    else out.keys.push_back(part);
    if (dot == std::string_view::npos) return out;
    inner.remove_prefix(dot + 1);
  }
}

bool is_whole(std::string_view text) {
  bool whole = false;
  each_placeholder(text, [&](std::size_t begin, std::size_t end) { whole = begin == 0 && end == text.size(); });
  return whole;
}

class Finder {
 public:
  void walk(const Json& value) {
    if (value.is_object()) {
      for (const auto& [key, item] : value.items()) {
        if (is_whole(key)) look(key);
        walk(item);
      }
    } else if (value.is_array()) {
      for (const auto& item : value) walk(item);
    } else if (value.is_string()) {
      look(value.get_ref<const std::string&>());
    }
  }
  std::vector<Placeholder> found;

 private:
  void look(const std::string& text) {
    each_placeholder(text, [&](std::size_t begin, std::size_t end) {
      const auto part = text.substr(begin, end - begin);
      if (seen_.insert(part).second) found.push_back(parse(part));
    });
  }
  std::unordered_set<std::string> seen_;
};

class Replacer {
 public:
  Replacer(const std::map<std::string, Json>& values, Problems& problems) : values_(values), problems_(problems) {}

  Json replace(const Json& value, const std::string& place) {
    if (value.is_object()) {
      Json out = Json::object();
      for (const auto& [key, item] : value.items()) {
        const auto new_key = is_whole(key) ? text_with(key, place) : key;
        out[new_key] = replace(item, place.empty() ? key : place + "." + key);
      }
      return out;
    }
    if (value.is_array()) {
      Json out = Json::array();
      for (std::size_t i = 0; i < value.size(); ++i) out.push_back(replace(value[i], place + "[" + std::to_string(i) + "]"));
      return out;
    }
    if (!value.is_string()) return value;
    const auto& text = value.get_ref<const std::string&>();
    if (is_whole(text)) {
      const auto at = values_.find(text);
      return at == values_.end() ? value : at->second;
    }
    return text_with(text, place);
  }

 private:
  std::string text_with(const std::string& text, const std::string& place) {
    std::string out;
    std::size_t done = 0;
    each_placeholder(text, [&](std::size_t begin, std::size_t end) {
      const auto placeholder = text.substr(begin, end - begin);
      const auto at = values_.find(placeholder);
      if (at == values_.end()) return;
      out += text.substr(done, begin - done);
      done = end;
      if (at->second.is_string()) out += at->second.get<std::string>();
      else if (at->second.is_number_integer()) out += dump(at->second);
      else {
        problems_.add(place, placeholder + " stands inside text; its value must be text or an integer there",
                      code::variable_placement);
      }
    });
    return out + text.substr(done);
  }

  const std::map<std::string, Json>& values_;
  Problems& problems_;
};

}  // namespace

std::vector<Placeholder> find_placeholders(const Json& document) {
  Finder finder;
  finder.walk(document);
  return std::move(finder.found);
}

Json replace_placeholders(const Json& document, const std::map<std::string, Json>& values, Problems& problems) {
  return Replacer(values, problems).replace(document, "");
}

std::string name_problem(const std::string& name) {
  for (const char c : name) {
    if (!is_name_character(c)) return "may hold letters, digits, '_', '-', '.' and '/' only";
  }
  if (name.empty() || name == "/") return "is empty";
  if (name.ends_with('/')) return "must not end with '/'";
  if (name.find("//") != std::string::npos) return "must not have '//' in it";
  return {};
}

}  // namespace slipway::director
