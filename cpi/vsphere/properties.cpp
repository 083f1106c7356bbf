#include "cpi/vsphere/properties.hpp"

#include "cpi/vsphere/soap/fault.hpp"

namespace slipway::cpi::vsphere {

namespace {

constexpr int page = 1000;
constexpr int longest_wait_s = 45;  // below the transport's patience
constexpr int most_watches = 6;

void write_spec(XmlOut& in, const char* name, const std::vector<PropertySpec>& specs,
                const std::vector<Start>& starts) {
  auto spec = in.child(name);
  for (const auto& one : specs) {
    auto prop = spec.child("propSet");
    prop.text("type", one.type);
    for (const auto& path : one.paths) prop.text("pathSet", path);
  }
  for (const auto& start : starts) {
    auto object = spec.child("objectSet");
    object.ref("obj", start.object).flag("skip", false);
    for (const auto& step : start.traversals) {
      auto select = object.child("selectSet", "TraversalSpec");
      select.text("name", step.name).text("type", step.type).text("path", step.path).flag("skip", false);
      for (const auto& next : step.next) select.child("selectSet").text("name", next);
    }
  }
}

void throw_if_forbidden(const XmlIn& missing, const MoRef& object) {
  const auto fault = missing.child("fault");
  const auto type = fault.child("fault").type();
  if (type != "NoPermission" && type != "NotAuthenticated") return;
  throw_method_fault("reading '" + missing.text("path") + "' of " + to_string(object), fault);
}

void read_objects(const XmlIn& answer, std::vector<Properties>& out) {
  for (const auto& object : answer.children("objects")) {
    Properties one{.object = object.ref("obj"), .values = {}};
    for (const auto& prop : object.children("propSet")) one.values[prop.text("name")] = prop.child("val");
    for (const auto& missing : object.children("missingSet")) throw_if_forbidden(missing, one.object);
    out.push_back(std::move(one));
  }
}

// What one answer of WaitForUpdatesEx says of `object`.
void apply_updates(const XmlIn& set, Properties& known) {
  for (const auto& filter : set.children("filterSet")) {
    for (const auto& object : filter.children("objectSet")) {
      if (object.ref("obj") != known.object) continue;
      if (object.text("kind") == "leave") {
        throw VimFault("waiting for " + to_string(known.object), "ManagedObjectNotFound", "it is gone", {});
      }
      for (const auto& missing : object.children("missingSet")) throw_if_forbidden(missing, known.object);
      for (const auto& change : object.children("changeSet")) {
        const auto op = change.text("op");
        if (op == "remove" || op == "indirectRemove") {
          known.values.erase(change.text("name"));
        } else {
          known.values[change.text("name")] = change.child("val");
        }
      }
    }
  }
}

// Follows the session's filters until `done` holds; nothing when the deadline is over or the filters are
// gone.
std::optional<Properties> watch(Session& session, const MoRef& collector, const MoRef& object,
                                const std::function<bool(const Properties&)>& done, Instant deadline,
                                int login) {
  Properties known{.object = object, .values = {}};
  for (std::string version;;) {
    const auto set = session
                         .call("WaitForUpdatesEx", collector, Effect::watches,
                               [&](XmlOut& in) {
                                 in.text("version", version);
                                 in.child("options").number("maxWaitSeconds", longest_wait_s);
                               })
                         .child("returnval");
    // No set: nothing happened within that time.
    if (set) {
      version = set.text("version");
      apply_updates(set, known);
    }
    if (done(known)) return known;
    if (session.logins() != login || session.clock().monotonic() >= deadline) return std::nullopt;
  }
}

}  // namespace

XmlIn Properties::get(std::string_view path) const {
  const auto found = values.find(path);
  return found == values.end() ? XmlIn() : found->second;
}

std::vector<Properties> retrieve(Session& session, const std::vector<PropertySpec>& specs,
                                 const std::vector<Start>& starts) {
  std::vector<Properties> found;
  const auto collector = session.content().property_collector;
  auto answer = session
                    .call("RetrievePropertiesEx", collector, Effect::looks,
                          [&](XmlOut& in) {
                            write_spec(in, "specSet", specs, starts);
                            in.child("options").number("maxObjects", page);
                          })
                    .child("returnval");
  for (;;) {
    read_objects(answer, found);
    const auto token = answer.text("token");
    if (token.empty()) return found;
    answer = session
                 .call("ContinueRetrievePropertiesEx", collector, Effect::looks,
                       [&](XmlOut& in) { in.text("token", token); })
                 .child("returnval");
  }
}

std::optional<Properties> retrieve_one(Session& session, const MoRef& object,
                                       const std::vector<std::string>& paths) {
  try {
    auto found = retrieve(session, {{object.type, paths}}, {{object, {}}});
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
  } catch (const VimFault& fault) {
    if (!fault.is("ManagedObjectNotFound")) throw;
    return std::nullopt;
  }
}

Properties wait_until(Session& session, const MoRef& object, const std::vector<std::string>& paths,
                      const std::function<bool(const Properties&)>& done, std::chrono::seconds limit) {
  const auto deadline = session.clock().monotonic() + limit;
  for (int attempt = 1;; ++attempt) {
    const auto collector = session.waiting_collector();
    const int login = session.logins();
    const auto filter = session
                            .call("CreateFilter", collector, Effect::looks,
                                  [&](XmlOut& in) {
                                    write_spec(in, "spec", {{object.type, paths}}, {{object, {}}});
                                    in.flag("partialUpdates", false);
                                  })
                            .ref("returnval");
    session.drop_later(filter);
    try {
      const auto seen = watch(session, collector, object, done, deadline, login);
      // A task's filter may outlive the wait. Other objects go, and vCenter may hold that against the filter.
      if (object.type != "Task") session.destroy_dropped_filters();
      if (seen) return *seen;
    } catch (const VimFault&) {
      throw;
    } catch (const Error& error) {
      // What the lost answer told of is not told again.
      const bool lost = error.fault() == Fault::retryable || error.fault() == Fault::outcome_unknown;
      if (!lost || attempt == most_watches) throw;
      session.clock().sleep_for(std::chrono::milliseconds(100 * attempt));
    }
    if (session.clock().monotonic() >= deadline) {
      throw Error(Fault::outcome_unknown, to_string(object) + " did not come to an end within " +
                                              std::to_string(limit.count()) + " s");
    }
  }
}

XmlIn finish_task(Session& session, const MoRef& task, const std::string& what) {
  const auto is_over = [](const Properties& seen) {
    const auto state = seen.text("info.state");
    return state == "success" || state == "error";
  };
  const auto end = wait_until(session, task, {"info.state", "info.result", "info.error"}, is_over,
                              std::chrono::seconds(session.config().task_timeout_s));
  if (end.text("info.state") == "error") throw_method_fault(what, end.get("info.error"));
  return end.get("info.result");
}

XmlIn run_task(Session& session, const char* method, const MoRef& self, const Arguments& arguments) {
  const auto task = session.call(method, self, Effect::changes, arguments).ref("returnval");
  return finish_task(session, task, std::string(method) + " of " + to_string(self));
}

std::optional<MoRef> find_by_path(Session& session, const std::string& path) {
  const auto found = session.call("FindByInventoryPath", session.content().search_index, Effect::looks,
                                  [&](XmlOut& in) { in.text("inventoryPath", path); });
  if (!found.child("returnval")) return std::nullopt;
  return found.ref("returnval");
}

}  // namespace slipway::cpi::vsphere
