#include "cpi/aws/api/query.hpp"

#include "base/http/client.hpp"

namespace slipway::cpi::aws {

namespace {

constexpr std::size_t max_tags = 50, max_key = 127, max_value = 255;

// At most `limit` bytes, whole UTF-8 characters: a byte count below the character count allowed
// is always safe.
std::string cut(const std::string& text, std::size_t limit) {
  if (text.size() <= limit) return text;
  auto end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

void add_tags(Query& query, const std::string& prefix, const Tags& tags) {
  int index = 0;
  for (const auto& [key, value] : tags_for_ec2(tags)) {
    const auto place = prefix + "Tag." + std::to_string(++index);
    query.set(place + ".Key", key).set(place + ".Value", value);
  }
}

}  // namespace

Query& Query::set(const std::string& name, const std::string& value) {
  parameters_.emplace_back(name, value);
  return *this;
}

Query& Query::list(const std::string& name, const std::vector<std::string>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) set(name + "." + std::to_string(i + 1), values[i]);
  return *this;
}

Query& Query::filter(const std::string& name, const std::vector<std::string>& values) {
  const auto place = "Filter." + std::to_string(++filters_);
  return set(place + ".Name", name).list(place + ".Value", values);
}

Query& Query::tags(const Tags& tags) {
  add_tags(*this, "", tags);
  return *this;
}

Query& Query::tag_specification(const std::string& resource, const Tags& tags) {
  if (tags.empty()) return *this;
  const auto place = "TagSpecification." + std::to_string(++tag_specifications_);
  set(place + ".ResourceType", resource);
  add_tags(*this, place + ".", tags);
  return *this;
}

std::string Query::body(std::string_view version) const {
  auto text = "Action=" + http::url_encode(action_) + "&Version=" + http::url_encode(version);
  for (const auto& [name, value] : parameters_)
    text += "&" + http::url_encode(name) + "=" + http::url_encode(value);
  return text;
}

Tags tags_for_ec2(const Tags& tags) {
  Tags out;
  for (const auto& [key, value] : tags) {
    if (key.empty() || key.starts_with("aws:") || out.size() == max_tags) continue;
    out.emplace(cut(key, max_key), cut(value, max_value));
  }
  return out;
}

}  // namespace slipway::cpi::aws
