#include "cpi/aws/api/reply.hpp"

#include <charconv>
#include <pugixml.hpp>

namespace slipway::cpi::aws {

namespace {

constexpr std::size_t max_bytes = 16u << 20;
constexpr int max_depth = 64;

std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const auto colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node child(const pugi::xml_node& node, std::string_view name) {
  for (const auto& candidate : node.children()) {
    if (candidate.type() == pugi::node_element && local_name(candidate) == name) return candidate;
  }
  return {};
}

struct DepthLimit : pugi::xml_tree_walker {
  bool for_each(pugi::xml_node&) override { return depth() < max_depth; }
};

}  // namespace

Reply Reply::parse(std::string_view xml) {
  if (xml.size() > max_bytes) throw Error(Fault::invalid, "the reply is larger than 16 MiB");
  const auto document = std::make_shared<pugi::xml_document>();
  const auto result = document->load_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!result) {
    throw Error(Fault::invalid, std::string("the reply is no XML: ") + result.description() + " at byte " +
                                    std::to_string(result.offset));
  }
  DepthLimit limit;
  if (!document->traverse(limit)) throw Error(Fault::invalid, "the reply is nested deeper than 64 elements");
  Reply reply;
  reply.node_ = document->document_element().internal_object();
  if (reply.node_ == nullptr) throw Error(Fault::invalid, "the reply holds no element");
  reply.document_ = document;
  return reply;
}

std::string Reply::name() const { return std::string(local_name(pugi::xml_node(node_))); }

Reply Reply::at(std::string_view path) const {
  pugi::xml_node node(node_);
  while (node && !path.empty()) {
    const auto slash = path.find('/');
    node = child(node, path.substr(0, slash));
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  Reply found;
  found.document_ = document_;
  found.node_ = node.internal_object();
  return found;
}

std::string Reply::text(std::string_view path) const { return pugi::xml_node(at(path).node_).text().get(); }

std::optional<std::int64_t> Reply::integer(std::string_view path) const {
  const auto digits = text(path);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::vector<Reply> Reply::items(std::string_view path) const {
  std::vector<Reply> out;
  const auto list = at(path);
  for (const auto& node : pugi::xml_node(list.node_).children()) {
    if (node.type() != pugi::node_element || (local_name(node) != "item" && local_name(node) != "member"))
      continue;
    Reply item;
    item.document_ = document_;
    item.node_ = node.internal_object();
    out.push_back(item);
  }
  return out;
}

}  // namespace slipway::cpi::aws
