#include "director/domain/reader.hpp"

#include "director/domain/error_codes.hpp"

namespace slipway::director {

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
  if (value.is_object()) return "a hash";
  if (value.is_array()) return "a list";
  if (value.is_string()) return "text";
  if (value.is_boolean()) return "a boolean";
  if (value.is_number()) return "a number";
  return "nothing";
}

std::string kind_of(Json::value_t type) { return type == Json::value_t::object ? "a hash" : "a list"; }

}  // namespace

std::string item_place(std::string_view list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

std::string shown(const Json& value) {
  if (value.is_object() || value.is_array()) return kind_of(value);
  std::string text = value.is_string() ? "'" + value.get<std::string>() + "'" : dump(value);
  constexpr std::size_t longest = 80;
  if (text.size() > longest) text = text.substr(0, longest) + "…";
  return text;
}

std::optional<std::string> as_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return dump(value);
  return std::nullopt;
}

HashReader::HashReader(const Json& value, std::string place, Problems& problems)
    : value_(&value), place_(std::move(place)), problems_(problems) {
  if (value.is_object()) return;
  problems_.add(place_, "is " + kind_of(value) + ", expected is a hash", code::wrong_type);
  value_ = &empty_object();
}

const Json* HashReader::find(std::string_view key) const {
  const auto at = value_->find(std::string(key));
  return at == value_->end() || at->is_null() ? nullptr : &*at;
}

std::string HashReader::place(std::string_view key) const {
  return place_.empty() ? std::string(key) : place_ + "." + std::string(key);
}

void HashReader::complain(std::string_view key, std::string message, int code) {
  problems_.add(place(key), std::move(message), code);
}

std::string HashReader::text(std::string_view key) {
  if (!has(key)) {
    complain(key, "is required and missing", code::missing_field);
    return {};
  }
  auto value = text_or(key, {});
  if (value.empty() && as_text(*find(key))) complain(key, "must not be empty", code::invalid_value);
  return value;
}

std::string HashReader::text_or(std::string_view key, std::string fallback) {
  const auto* value = find(key);
  if (value == nullptr) return fallback;
  if (auto text = as_text(*value)) return *text;
  complain(key, "is " + kind_of(*value) + ", expected is text", code::wrong_type);
  return fallback;
}

std::int64_t HashReader::integer(std::string_view key, std::int64_t min, std::int64_t max) {
  if (!has(key)) {
    complain(key, "is required and missing", code::missing_field);
    return min;
  }
  return integer_or(key, min, min, max);
}

std::int64_t HashReader::integer_or(std::string_view key, std::int64_t fallback, std::int64_t min,
                                    std::int64_t max) {
  const auto* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_number_integer()) {
    complain(key, "is " + shown(*value) + ", expected is an integer", code::wrong_type);
    return fallback;
  }
  if (value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(max)) {
    complain(key, "is " + shown(*value) + ", at most " + std::to_string(max) + " is allowed", code::above_maximum);
    return fallback;
  }
  const auto number = value->get<std::int64_t>();
  if (number < min) {
    complain(key, "is " + std::to_string(number) + ", at least " + std::to_string(min) + " is allowed",
             code::below_minimum);
    return fallback;
  }
  return number;
}

bool HashReader::boolean_or(std::string_view key, bool fallback) {
  const auto* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  complain(key, "is " + shown(*value) + ", expected is true or false", code::wrong_type);
  return fallback;
}

const Json& HashReader::expect(std::string_view key, bool required, Json::value_t type, const Json& fallback) {
  const auto* value = find(key);
  if (value == nullptr) {
    if (required) complain(key, "is required and missing", code::missing_field);
    return fallback;
  }
  if (value->type() == type) return *value;
  complain(key, "is " + shown(*value) + ", expected is " + kind_of(type), code::wrong_type);
  return fallback;
}

const Json& HashReader::hash(std::string_view key) {
  return expect(key, true, Json::value_t::object, empty_object());
}
const Json& HashReader::hash_or_empty(std::string_view key) {
  return expect(key, false, Json::value_t::object, empty_object());
}
const Json& HashReader::array(std::string_view key) { return expect(key, true, Json::value_t::array, empty_array()); }
const Json& HashReader::array_or_empty(std::string_view key) {
  return expect(key, false, Json::value_t::array, empty_array());
}

std::vector<std::string> HashReader::texts_or_empty(std::string_view key) {
  std::vector<std::string> out;
  const auto& list = array_or_empty(key);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (auto text = as_text(list[i])) out.push_back(std::move(*text));
    else problems_.add(item_place(place(key), i), "is " + kind_of(list[i]) + ", expected is text", code::wrong_type);
  }
  return out;
}

}  // namespace slipway::director
