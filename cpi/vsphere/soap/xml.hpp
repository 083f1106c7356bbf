#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

// The XML of vSphere's web services API: written in the order its schema wants, read by local names.
// Source: the vSphere Web Services API reference, contracts/agent-cpi.md section 7.
namespace slipway::cpi::vsphere {

// What vSphere calls a managed object reference: the only name of an object that does not change.
struct MoRef {
  std::string type;
  std::string value;
  bool empty() const { return value.empty(); }
  auto operator<=>(const MoRef&) const = default;
};
std::string to_string(const MoRef& ref);  // "VirtualMachine:vm-42", for messages

class XmlIn;

// Appends children to one element. Characters that XML 1.0 cannot carry become '?'.
class XmlOut {
 public:
  explicit XmlOut(pugi::xml_node node) : node_(node) {}

  XmlOut child(const char* name);
  XmlOut child(const char* name, const char* type);  // with xsi:type
  XmlOut& text(const char* name, std::string_view value);
  XmlOut& number(const char* name, std::int64_t value);
  XmlOut& flag(const char* name, bool value);
  XmlOut& ref(const char* name, const MoRef& value);
  XmlOut& any_string(const char* name, std::string_view value);  // a value of the type xsd:anyType
  // An element of a response as a part of this request, whatever namespace prefixes it came with. Children
  // for which `leave_out` holds stay behind.
  XmlOut copy(const char* name, const XmlIn& element,
              const std::function<bool(const XmlIn&)>& leave_out = {});
  pugi::xml_node node() const { return node_; }

 private:
  pugi::xml_node node_;
};

// An element of a response. It keeps the response's document alive. Elements that are not asked for are
// ignored, and so are namespaces; what is absent reads as an empty element.
class XmlIn {
 public:
  XmlIn() = default;
  XmlIn(std::shared_ptr<const pugi::xml_document> document, pugi::xml_node node)
      : document_(std::move(document)), node_(node) {}

  explicit operator bool() const { return static_cast<bool>(node_); }
  std::string_view name() const;              // local
  std::string_view type() const;              // local name in xsi:type
  XmlIn child(std::string_view local) const;  // the first one
  std::vector<XmlIn> children(std::string_view local) const;
  std::vector<XmlIn> children() const;
  XmlIn at(std::initializer_list<std::string_view> path) const;

  std::string text() const;                                          // this element's own
  std::string text(std::string_view local) const;                    // a child's; "" when absent
  std::optional<std::int64_t> number(std::string_view local) const;  // Fault::outcome_unknown when it is none
  std::optional<std::int64_t> number() const;
  bool flag(std::string_view local, bool fallback = false) const;
  bool flag() const;
  MoRef ref() const;  // this element read as a reference
  MoRef ref(std::string_view local) const;
  std::vector<MoRef> refs(std::string_view local) const;
  pugi::xml_node node() const { return node_; }

 private:
  std::shared_ptr<const pugi::xml_document> document_;
  pugi::xml_node node_;
};

// Parses a document from outside. DTDs are not processed, so no entity of their making is expanded.
// Fault::outcome_unknown when it is no XML, or deeper than `max_depth`.
XmlIn parse_xml(std::string_view text, std::string_view source, int max_depth = 100);

std::string_view local_name(std::string_view qualified);

}  // namespace slipway::cpi::vsphere
