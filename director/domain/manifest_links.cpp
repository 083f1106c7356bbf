#include "director/domain/error_codes.hpp"
#include "director/domain/manifest_parts.hpp"

namespace slipway::director {

namespace {

// `nil` says "none"; YAML gives it as text.
bool is_nil(const Json& value) { return value.is_string() && value.get<std::string>() == "nil"; }

void refuse(HashReader& in, const std::string& key, const std::string& message) {
  in.complain(key, message, code::invalid_link);
}

LinkConsumer parse_consumer(const Json& value, const std::string& place, Problems& problems) {
  LinkConsumer out;
  HashReader in(value, place, problems);
  out.from = in.text_or("from", "");
  out.deployment = in.text_or("deployment", "");
  out.network = in.text_or("network", "");
  if (in.has("ip_addresses")) out.ip_addresses = in.boolean_or("ip_addresses", false);
  const bool manual = in.has("instances") || in.has("properties") || in.has("address");
  if (!manual) return out;
  if (in.has("from") || in.has("deployment")) {
    refuse(in, "from", "stands beside a link given by hand ('instances', 'properties', 'address'); only one is allowed");
  }
  if (!in.has("instances")) refuse(in, "instances", "is required in a link given by hand");
  Json link = Json::object();
  link["instances"] = in.array_or_empty("instances");
  if (in.has("properties")) link["properties"] = in.hash_or_empty("properties");
  if (in.has("address")) link["address"] = in.text("address");
  out.manual = std::move(link);
  return out;
}

LinkProvider parse_provider(const Json& value, const std::string& place, Problems& problems) {
  LinkProvider out;
  HashReader in(value, place, problems);
  out.as = in.text_or("as", "");
  out.shared = in.boolean_or("shared", false);
  out.aliases = in.array_or_empty("aliases");
  for (const auto* key : {"name", "type"}) {
    if (in.has(key)) refuse(in, key, "is the release's to say; allowed are 'as', 'shared' and 'aliases'");
  }
  return out;
}

template <class Parsed, class Parse>
std::map<std::string, Parsed> parse_links(HashReader& in, const std::string& key, Parse parse) {
  std::map<std::string, Parsed> out;
  for (const auto& [name, value] : in.hash_or_empty(key).items()) {
    if (is_nil(value)) {
      out[name].blocked = true;
    } else if (!value.is_object()) {
      refuse(in, key + "." + name, "is " + shown(value) + ", expected is a hash, or nil as text");
    } else {
      out[name] = parse(value, in.place(key) + "." + name, in.problems());
    }
  }
  return out;
}

}  // namespace

std::map<std::string, LinkConsumer> parse_consumes(HashReader& in) {
  return parse_links<LinkConsumer>(in, "consumes", parse_consumer);
}

std::map<std::string, LinkProvider> parse_provides(HashReader& in) {
  return parse_links<LinkProvider>(in, "provides", parse_provider);
}

}  // namespace slipway::director
