#include "base/json.hpp"

#include <algorithm>
#include <span>

namespace slipway {

namespace {

// The deepest nesting of brackets outside strings. The text need not be valid.
int depth_of(std::string_view text, int enough) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > enough) return depth;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return 0;
}

// The parser's own words without its prefix and without a piece of the document, which
// may be a password.
std::string explain(const Json::parse_error& error) {
  std::string text = error.what();
  if (const auto bracket = text.find("] "); bracket != std::string::npos) text.erase(0, bracket + 2);
  if (const auto quote = text.find("; last read: '"); quote != std::string::npos) {
    const auto rest = text.rfind("'; expected ");
    text.erase(quote, rest == std::string::npos || rest < quote ? std::string::npos : rest + 1 - quote);
  }
  return text;
}

}  // namespace

Json parse_json(std::string_view text, std::string_view source, JsonLimits limits) {
  const auto fail = [&](const std::string& why) -> Error {
    return Error(Fault::invalid, std::string(source) + ": " + why);
  };
  if (text.size() > limits.max_bytes) throw fail("larger than " + std::to_string(limits.max_bytes) + " bytes");
  // The parser takes a NUL for the end and would not look at what follows.
  if (text.find('\0') != std::string_view::npos) throw fail("not JSON: it contains a NUL byte");
  if (depth_of(text, limits.max_depth) > limits.max_depth) {
    throw fail("nested deeper than " + std::to_string(limits.max_depth));
  }
  try {
    const std::span<const char> bytes(text);  // whose iterator is no char pointer: see the header
    return Json::parse(bytes.begin(), bytes.end());
  } catch (const Json::parse_error& error) {
    throw fail("not JSON: " + explain(error));
  } catch (const Json::exception&) {
    throw fail("not JSON: a number is out of range");
  }
}

std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

namespace {

const Json& empty_object() {
  static const Json value = Json::object();
  return value;
}

const Json& empty_array() {
  static const Json value = Json::array();
  return value;
}

std::string kind_of(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null: return "null";
    case Json::value_t::object: return "a mapping";
    case Json::value_t::array: return "a list";
    case Json::value_t::string: return "text";
    case Json::value_t::boolean: return "a boolean";
    default: return "a number";
  }
}

std::string must_be(std::string_view wanted, const Json& value) {
  return "must be " + std::string(wanted) + ", not " + kind_of(value);
}

std::optional<std::int64_t> whole_number(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
    return static_cast<std::int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  return std::nullopt;
}

std::int64_t checked_integer(const Json& value, std::int64_t fallback, std::int64_t min, std::int64_t max,
                             const std::string& place, Problems& problems) {
  if (!value.is_number_integer()) {
    problems.add(place, value.is_number() ? "must be a whole number" : must_be("a whole number", value));
    return fallback;
  }
  const auto number = whole_number(value);
  if (!number || *number < min || *number > max) {
    problems.add(place, "must be between " + std::to_string(min) + " and " + std::to_string(max));
    return fallback;
  }
  return *number;
}

}  // namespace

JsonReader::JsonReader(const Json& object, std::string place, Problems& problems)
    : value_(&object), place_(std::move(place)), problems_(problems) {
  if (!object.is_object()) {
    problems_.add(place_, must_be("a mapping", object));
    value_ = &empty_object();
  }
}

bool JsonReader::has(std::string_view key) const {
  const auto found = value_->find(key);
  return found != value_->end() && !found->is_null();
}

std::string JsonReader::place(std::string_view key) const {
  return place_.empty() ? std::string(key) : place_ + "." + std::string(key);
}

const Json* JsonReader::find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  const auto found = value_->find(key);
  return found == value_->end() || found->is_null() ? nullptr : &*found;
}

std::string JsonReader::string(std::string_view key) {
  if (find(key) == nullptr) problems_.add(place(key), "is required");
  return string_or(key, "");
}

std::int64_t JsonReader::integer(std::string_view key, std::int64_t min, std::int64_t max) {
  if (find(key) == nullptr) problems_.add(place(key), "is required");
  return integer_or(key, min, min, max);
}

bool JsonReader::boolean(std::string_view key) {
  if (find(key) == nullptr) problems_.add(place(key), "is required");
  return boolean_or(key, false);
}

const Json& JsonReader::object(std::string_view key) {
  if (find(key) == nullptr) problems_.add(place(key), "is required");
  return object_or_empty(key);
}

const Json& JsonReader::array(std::string_view key) {
  if (find(key) == nullptr) problems_.add(place(key), "is required");
  return array_or_empty(key);
}

std::string JsonReader::string_or(std::string_view key, std::string fallback) {
  const auto* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_string()) return value->get<std::string>();
  problems_.add(place(key), must_be("text", *value));
  return fallback;
}

std::int64_t JsonReader::integer_or(std::string_view key, std::int64_t fallback, std::int64_t min, std::int64_t max) {
  const auto* value = find(key);
  return value == nullptr ? fallback : checked_integer(*value, fallback, min, max, place(key), problems_);
}

bool JsonReader::boolean_or(std::string_view key, bool fallback) {
  const auto* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  problems_.add(place(key), must_be("true or false", *value));
  return fallback;
}

const Json& JsonReader::object_or_empty(std::string_view key) {
  const auto* value = find(key);
  if (value == nullptr) return empty_object();
  if (value->is_object()) return *value;
  problems_.add(place(key), must_be("a mapping", *value));
  return empty_object();
}

const Json& JsonReader::array_or_empty(std::string_view key) {
  const auto* value = find(key);
  if (value == nullptr) return empty_array();
  if (value->is_array()) return *value;
  problems_.add(place(key), must_be("a list", *value));
  return empty_array();
}

std::vector<std::string> JsonReader::strings_or_empty(std::string_view key) {
  std::vector<std::string> out;
  const auto& list = array_or_empty(key);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].is_string()) {
      out.push_back(list[i].get<std::string>());
    } else {
      problems_.add(place(key) + "[" + std::to_string(i) + "]", must_be("text", list[i]));
    }
  }
  return out;
}

void JsonReader::refuse_unknown() {
  std::string allowed;
  for (const auto& key : known_) allowed += (allowed.empty() ? "" : ", ") + key;
  for (const auto& [key, value] : value_->items()) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    problems_.add(place(key), allowed.empty() ? "unknown key; none is allowed here" : "unknown key; allowed: " + allowed);
  }
}

}  // namespace slipway
