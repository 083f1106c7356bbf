#include "cpi/vsphere/soap/xml.hpp"

#include <charconv>
#include <cstring>

#include "base/error.hpp"

namespace slipway::cpi::vsphere {

namespace {

std::string printable(std::string_view text) {
  std::string out(text);
  for (auto& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 && c != '\n' && c != '\t' && c != '\r') c = '?';
  }
  return out;
}

std::optional<std::int64_t> to_number(const std::string& text, std::string_view name) {
  if (text.empty()) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return value;
  throw Error(Fault::outcome_unknown,
              "vCenter's answer has a '" + std::string(name) + "' that is no whole number");
}

void require_depth(const pugi::xml_document& document, std::string_view source, int max_depth) {
  int depth = 0;
  for (pugi::xml_node node = document.document_element(); node;) {
    if (auto inner = node.first_child()) {
      node = inner;
      if (++depth > max_depth) {
        throw Error(Fault::outcome_unknown, std::string(source) + " is nested deeper than " +
                                                std::to_string(max_depth) + " elements");
      }
      continue;
    }
    while (node && !node.next_sibling()) {
      node = node.parent();
      --depth;
    }
    if (node) node = node.next_sibling();
  }
}

}  // namespace

std::string to_string(const MoRef& ref) { return ref.type + ":" + ref.value; }

std::string_view local_name(std::string_view qualified) {
  const auto colon = qualified.rfind(':');
  return colon == std::string_view::npos ? qualified : qualified.substr(colon + 1);
}

XmlOut XmlOut::child(const char* name) { return XmlOut(node_.append_child(name)); }

XmlOut XmlOut::child(const char* name, const char* type) {
  auto made = node_.append_child(name);
  made.append_attribute("xsi:type").set_value(type);
  return XmlOut(made);
}

XmlOut& XmlOut::text(const char* name, std::string_view value) {
  node_.append_child(name).text().set(printable(value).c_str());
  return *this;
}

XmlOut& XmlOut::number(const char* name, std::int64_t value) {
  node_.append_child(name).text().set(static_cast<long long>(value));
  return *this;
}

XmlOut& XmlOut::flag(const char* name, bool value) {
  node_.append_child(name).text().set(value ? "true" : "false");
  return *this;
}

XmlOut& XmlOut::ref(const char* name, const MoRef& value) {
  auto made = node_.append_child(name);
  made.append_attribute("type").set_value(printable(value.type).c_str());
  made.text().set(printable(value.value).c_str());
  return *this;
}

XmlOut& XmlOut::any_string(const char* name, std::string_view value) {
  child(name, "xsd:string").node().text().set(printable(value).c_str());
  return *this;
}

XmlOut XmlOut::copy(const char* name, const XmlIn& element,
                    const std::function<bool(const XmlIn&)>& leave_out) {
  const auto source = element.node();
  XmlOut made(node_.append_child(name));
  for (const auto& attribute : source.attributes()) {
    const std::string_view full = attribute.name();
    if (full == "xmlns" || full.starts_with("xmlns:")) continue;
    if (full.find(':') == std::string_view::npos) {
      made.node_.append_attribute(attribute.name()).set_value(attribute.value());
    } else if (local_name(full) == "type") {
      // "xsd:int" and the like; any other type is of vSphere's own namespace.
      const std::string_view type = attribute.value();
      const auto prefix = type.substr(0, type.size() - local_name(type).size());
      const bool is_schema = prefix.starts_with("xs") || prefix.starts_with("XMLSchema");
      made.node_.append_attribute("xsi:type")
          .set_value(((is_schema ? "xsd:" : "") + std::string(local_name(type))).c_str());
    }
  }
  const auto children = element.children();
  if (children.empty()) made.node_.text().set(source.text().get());
  for (const auto& child : children) {
    if (!leave_out || !leave_out(child)) made.copy(std::string(child.name()).c_str(), child, leave_out);
  }
  return made;
}

std::string_view XmlIn::name() const { return local_name(node_.name()); }

std::string_view XmlIn::type() const {
  for (const auto& attribute : node_.attributes()) {
    // A reference's own attribute is called just "type".
    if (std::strchr(attribute.name(), ':') != nullptr && local_name(attribute.name()) == "type") {
      return local_name(attribute.value());
    }
  }
  return {};
}

XmlIn XmlIn::child(std::string_view local) const {
  for (const auto& node : node_.children()) {
    if (node.type() == pugi::node_element && local_name(node.name()) == local) return {document_, node};
  }
  return {};
}

std::vector<XmlIn> XmlIn::children(std::string_view local) const {
  std::vector<XmlIn> found;
  for (const auto& node : node_.children()) {
    if (node.type() == pugi::node_element && local_name(node.name()) == local)
      found.emplace_back(document_, node);
  }
  return found;
}

std::vector<XmlIn> XmlIn::children() const {
  std::vector<XmlIn> found;
  for (const auto& node : node_.children()) {
    if (node.type() == pugi::node_element) found.emplace_back(document_, node);
  }
  return found;
}

XmlIn XmlIn::at(std::initializer_list<std::string_view> path) const {
  XmlIn here = *this;
  for (const auto step : path) here = here.child(step);
  return here;
}

std::string XmlIn::text() const { return node_.text().get(); }
std::string XmlIn::text(std::string_view local) const { return child(local).text(); }
std::optional<std::int64_t> XmlIn::number(std::string_view local) const {
  return to_number(text(local), local);
}
std::optional<std::int64_t> XmlIn::number() const { return to_number(text(), name()); }

bool XmlIn::flag(std::string_view local, bool fallback) const {
  const auto found = child(local);
  return found ? found.flag() : fallback;
}

bool XmlIn::flag() const {
  const auto value = text();
  return value == "true" || value == "1";
}

MoRef XmlIn::ref() const { return {node_.attribute("type").value(), text()}; }
MoRef XmlIn::ref(std::string_view local) const { return child(local).ref(); }

std::vector<MoRef> XmlIn::refs(std::string_view local) const {
  std::vector<MoRef> found;
  for (const auto& one : children(local)) found.push_back(one.ref());
  return found;
}

XmlIn parse_xml(std::string_view text, std::string_view source, int max_depth) {
  auto document = std::make_shared<pugi::xml_document>();
  const auto result =
      document->load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!result || !document->document_element()) {
    throw Error(Fault::outcome_unknown, std::string(source) + " is no XML: " + result.description() +
                                            " at byte " + std::to_string(result.offset));
  }
  require_depth(*document, source, max_depth);
  const auto root = document->document_element();
  return {std::move(document), root};
}

}  // namespace slipway::cpi::vsphere
