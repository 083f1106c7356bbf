#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cpi/vsphere/session.hpp"

// vSphere's property collector: what objects are like, in one call for many of them, and word of their
// changes without asking again and again.
namespace slipway::cpi::vsphere {

struct PropertySpec {
  std::string type;
  std::vector<std::string> paths;
};

// How to get from an object of `type` along its property `path` to others; the steps named in `next` go on
// from there.
struct Traversal {
  std::string name;
  std::string type;
  std::string path;
  std::vector<std::string> next;
};

struct Start {
  MoRef object;
  std::vector<Traversal> traversals;
};

struct Properties {
  MoRef object;
  std::map<std::string, XmlIn, std::less<>> values;
  XmlIn get(std::string_view path) const;  // empty when the object has no such property now
  std::string text(std::string_view path) const { return get(path).text(); }
  MoRef ref(std::string_view path) const { return get(path).ref(); }
};

// All pages of RetrievePropertiesEx. Throws VimFault ManagedObjectNotFound when a start is gone,
// Fault::forbidden for a property that the account may not read.
std::vector<Properties> retrieve(Session& session, const std::vector<PropertySpec>& specs,
                                 const std::vector<Start>& starts);

// One object's; nothing when it is gone.
std::optional<Properties> retrieve_one(Session& session, const MoRef& object,
                                       const std::vector<std::string>& paths);

// Returns as soon as `done` of the object's properties holds. vCenter tells of changes; nothing is polled.
// Fault::outcome_unknown after `limit`.
Properties wait_until(Session& session, const MoRef& object, const std::vector<std::string>& paths,
                      const std::function<bool(const Properties&)>& done, std::chrono::seconds limit);

// Starts a task and waits for its end: its result. Throws as Session::call does, and VimFault for a task
// that failed.
XmlIn run_task(Session& session, const char* method, const MoRef& self, const Arguments& arguments);
// The second half.
XmlIn finish_task(Session& session, const MoRef& task, const std::string& what);

// The managed object at an inventory path such as "DC0/vm/folder/name".
std::optional<MoRef> find_by_path(Session& session, const std::string& path);

}  // namespace slipway::cpi::vsphere
