#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace pugi {
class xml_document;
struct xml_node_struct;
}  // namespace pugi

namespace slipway::cpi::aws {

// A piece of an XML reply. Elements are found by local name, whatever their namespace, and
// unknown ones are not seen. A path that does not exist is empty, as EC2 leaves out what is not
// set. Holds the document alive.
class Reply {
 public:
  Reply() = default;
  // Throws Fault::invalid for what is no XML, larger than 16 MiB or nested deeper than 64;
  // nothing of the text is quoted. External entities are never fetched, none is expanded.
  static Reply parse(std::string_view xml);

  bool exists() const { return node_ != nullptr; }
  std::string name() const;
  Reply at(std::string_view path) const;          // "a/b/c", the first of each
  std::string text(std::string_view path) const;  // "" when it is not there
  std::optional<std::int64_t> integer(std::string_view path) const;
  bool truth(std::string_view path) const { return text(path) == "true"; }
  std::vector<Reply> items(std::string_view path) const;  // children "item" or "member" of the list at `path`

 private:
  std::shared_ptr<const pugi::xml_document> document_;
  pugi::xml_node_struct* node_ = nullptr;
};

}  // namespace slipway::cpi::aws
