#include "cpi/vsphere/metadata.hpp"

#include <map>

#include "cpi/vsphere/properties.hpp"
#include "cpi/vsphere/soap/fault.hpp"

namespace slipway::cpi::vsphere {

namespace {

struct Fields {
  std::map<std::string, std::int64_t> keys;    // name → key, those that VMs can have
  std::map<std::int64_t, std::string> values;  // of the VM
};

Fields read_fields(Session& session, const MoRef& vm) {
  const auto manager = session.content().custom_fields_manager;
  Fields fields;
  for (const auto& seen :
       retrieve(session, {{"CustomFieldsManager", {"field"}}, {"VirtualMachine", {"customValue"}}},
                {{manager, {}}, {vm, {}}})) {
    for (const auto& field : seen.get("field").children("CustomFieldDef")) {
      const auto type = field.text("managedObjectType");
      if (type.empty() || type == "VirtualMachine")
        fields.keys[field.text("name")] = field.number("key").value_or(0);
    }
    for (const auto& value : seen.get("customValue").children("CustomFieldValue")) {
      fields.values[value.number("key").value_or(0)] = value.text("value");
    }
  }
  return fields;
}

std::int64_t define(Session& session, const MoRef& vm, const std::string& name) {
  try {
    const auto made =
        session.call("AddCustomFieldDef", session.content().custom_fields_manager, Effect::changes,
                     [&](XmlOut& in) { in.text("name", name).text("moType", "VirtualMachine"); });
    return made.child("returnval").number("key").value_or(0);
  } catch (const Error& error) {
    // Somebody else defined it a moment earlier, or the answer was lost.
    if (error.fault() != Fault::conflict && error.fault() != Fault::outcome_unknown) throw;
    const auto fields = read_fields(session, vm);
    const auto found = fields.keys.find(name);
    if (found == fields.keys.end()) throw;
    return found->second;
  }
}

}  // namespace

void set_custom_fields(Session& session, const MoRef& vm, const Json& metadata) {
  constexpr std::size_t longest_name = 80;
  const auto fields = read_fields(session, vm);
  for (const auto& [name, value] : metadata.items()) {
    if (value.is_null() || name.empty()) continue;
    const auto text = value.is_string() ? value.get<std::string>() : dump(value);
    const auto short_name = name.substr(0, longest_name);
    const auto known = fields.keys.find(short_name);
    const auto key = known != fields.keys.end() ? known->second : define(session, vm, short_name);
    if (const auto now = fields.values.find(key); now != fields.values.end() && now->second == text) continue;
    // The same value once more changes nothing.
    session.call("SetField", session.content().custom_fields_manager, Effect::looks,
                 [&](XmlOut& in) { in.ref("entity", vm).number("key", key).text("value", text); });
  }
}

}  // namespace slipway::cpi::vsphere
