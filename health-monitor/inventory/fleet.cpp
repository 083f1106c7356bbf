#include "health-monitor/inventory/fleet.hpp"

namespace slipway::health {

// A row has more keys than these, and another director's has fewer.
Instance read_instance(const Json& row, const std::string& deployment) {
  Problems problems;
  JsonReader in(row, "instance", problems);
  Instance instance;
  instance.deployment = deployment;
  instance.group = in.string("job");
  instance.id = in.string("id");
  instance.index = static_cast<int>(in.integer_or("index", 0, 0, 1'000'000));
  instance.az = in.string_or("az", "");
  instance.agent = in.string_or("agent_id", "");
  instance.cid = in.string_or("cid", "");
  instance.expects_vm = in.boolean_or("expects_vm", true);
  instance.ignore = in.boolean_or("ignore", false);
  problems.throw_if_any("instances of '" + deployment + "'");
  return instance;
}

}  // namespace slipway::health
