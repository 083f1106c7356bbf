#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"

namespace slipway::director {

// Reads one hash of a manifest or config by the director's rules: numbers and booleans
// coerce to text, unknown keys pass, null counts as absent, every problem carries its
// wire code. After a problem a neutral value comes back, so that reading goes on.
class HashReader {
 public:
  // Anything but a hash is a problem, and reads as an empty one.
  HashReader(const Json& value, std::string place, Problems& problems);

  bool has(std::string_view key) const { return find(key) != nullptr; }
  const Json* find(std::string_view key) const;  // nullptr when absent or null
  std::string place(std::string_view key) const;
  std::string place() const { return place_; }
  Problems& problems() { return problems_; }
  void complain(std::string_view key, std::string message, int code);

  std::string text(std::string_view key);  // required and not empty
  std::string text_or(std::string_view key, std::string fallback);
  std::int64_t integer(std::string_view key, std::int64_t min,
                       std::int64_t max = std::numeric_limits<std::int32_t>::max());
  std::int64_t integer_or(std::string_view key, std::int64_t fallback, std::int64_t min,
                          std::int64_t max = std::numeric_limits<std::int32_t>::max());
  bool boolean_or(std::string_view key, bool fallback);
  const Json& hash(std::string_view key);
  const Json& hash_or_empty(std::string_view key);
  const Json& array(std::string_view key);
  const Json& array_or_empty(std::string_view key);
  std::vector<std::string> texts_or_empty(std::string_view key);

 private:
  const Json& expect(std::string_view key, bool required, Json::value_t type, const Json& fallback);

  const Json* value_;
  std::string place_;
  Problems& problems_;
};

// "list[3]"
std::string item_place(std::string_view list, std::size_t index);

// A short, safe rendering of a value for messages: never longer than a line.
std::string shown(const Json& value);

// Text as the director takes it: strings, and numbers and booleans by their usual form.
std::optional<std::string> as_text(const Json& value);

}  // namespace slipway::director
