#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

// The library's literal operator makes every file that includes it instantiate a whole parser, most of
// a second of the compiler's time. These declarations say that this parser is elsewhere; it is nowhere.
// So `"…"_json` and Json::parse() of a literal or a char pointer do not link: use parse_json().
namespace nlohmann::detail {
using LiteralParser = parser<json, iterator_input_adapter<const char*>>;
template <>
LiteralParser::parser(iterator_input_adapter<const char*>&&, parser_callback_t<json>, bool, bool);
template <>
void LiteralParser::parse(bool, json&);
}  // namespace nlohmann::detail

namespace slipway {

using Json = nlohmann::json;

struct JsonLimits {
  std::size_t max_bytes = 16u << 20;
  int max_depth = 64;
};

// Throws Fault::invalid (`source` names the document, nothing of it is quoted) on a syntax error or a limit.
Json parse_json(std::string_view text, std::string_view source, JsonLimits limits = {});

// Compact, invalid UTF-8 replaced: whatever a node printed can be sent on.
std::string dump(const Json& value);

// Reads one JSON object field by field and collects every problem: wrong types, missing
// and unknown keys. After a problem the fallback is returned, so that reading goes on.
//
//   JsonReader in(json, "networks[0]", problems);
//   subnet.range = in.string("range");
//   in.refuse_unknown();
class JsonReader {
 public:
  JsonReader(const Json& object, std::string place, Problems& problems);

  bool has(std::string_view key) const;
  std::string place(std::string_view key) const;

  // Required; a problem when absent.
  std::string string(std::string_view key);
  std::int64_t integer(std::string_view key, std::int64_t min, std::int64_t max);
  bool boolean(std::string_view key);
  const Json& object(std::string_view key);
  const Json& array(std::string_view key);

  // Optional; `null` counts as absent.
  std::string string_or(std::string_view key, std::string fallback);
  std::int64_t integer_or(std::string_view key, std::int64_t fallback, std::int64_t min, std::int64_t max);
  bool boolean_or(std::string_view key, bool fallback);
  const Json& object_or_empty(std::string_view key);
  const Json& array_or_empty(std::string_view key);
  std::vector<std::string> strings_or_empty(std::string_view key);
  const Json* find(std::string_view key);  // any type; nullptr when absent

  // Every key not asked for so far becomes a problem that lists the keys allowed.
  void refuse_unknown();

 private:
  const Json* value_;
  std::string place_;
  Problems& problems_;
  std::vector<std::string> known_;
};

}  // namespace slipway
