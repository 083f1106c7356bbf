#include "health-monitor/plugins/prometheus.hpp"

namespace slipway::health {

namespace {

class Text {
 public:
  void family(const std::string& name, const std::string& type, const std::string& help) {
    name_ = "slipway_health_" + name;
    text_ += "# HELP " + name_ + " " + help + "\n# TYPE " + name_ + " " + type + "\n";
  }
  void value(std::uint64_t number, const std::string& label = "", const std::string& is = "") {
    text_ += name_;
    if (!label.empty()) text_ += "{" + label + "=\"" + escaped(is) + "\"}";
    text_ += " " + std::to_string(number) + "\n";
  }
  template <class Map>
  void values(const Map& numbers, const std::string& label) {
    for (const auto& [is, number] : numbers) value(static_cast<std::uint64_t>(number), label, is);
  }
  std::string take() { return std::move(text_); }

 private:
  static std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
      if (c == '\\' || c == '"') out += '\\';
      out += c == '\n' ? ' ' : c;
    }
    return out;
  }
  std::string name_, text_;
};

}  // namespace

std::string prometheus_text(const Monitor::Figures& figures, const std::vector<Plugins::Count>& plugins) {
  Text text;
  text.family("leading", "gauge", "1 for the monitor that acts, 0 for one that stands by.");
  text.value(figures.leading);
  text.family("bus_deaf", "gauge", "1 while the message bus does not answer.");
  text.value(figures.deaf);
  text.family("agents", "gauge", "Agents by what is heard of them.");
  text.value(figures.agents.alive, "state", "alive");
  text.value(figures.agents.silent, "state", "silent");
  text.value(figures.agents.unheard, "state", "unheard");
  text.value(figures.agents.unmanaged, "state", "unmanaged");
  text.family("heartbeats_total", "counter", "Heartbeats taken in.");
  text.value(figures.agents.heartbeats);
  text.family("probes_total", "counter", "Agents asked for an overdue heartbeat.");
  text.value(figures.agents.probes);
  text.family("troubled_instances", "gauge", "Instances that are down, by kind.");
  text.values(figures.troubled, "kind");
  text.family("held_instances", "gauge", "Instances that are down and not repaired now, by reason.");
  text.values(figures.held, "reason");
  text.family("failing_instances", "gauge", "Instances whose jobs do not all run.");
  text.values(figures.failing, "deployment");
  text.family("repairs_begun_total", "counter", "Repairs of instances asked for, by rung.");
  text.values(figures.repairs_begun, "rung");
  text.family("repair_requests_ended_total", "counter", "Requests for repair that ended, by how.");
  text.values(figures.repairs_ended, "end");
  text.family("notices_told_total", "counter", "Notices and heartbeats told, by plugin.");
  for (const auto& plugin : plugins) text.value(plugin.told, "plugin", plugin.plugin);
  text.family("notices_lost_total", "counter", "Notices and heartbeats that could not be told, by plugin.");
  for (const auto& plugin : plugins) text.value(plugin.lost, "plugin", plugin.plugin);
  return text.take();
}

}  // namespace slipway::health
