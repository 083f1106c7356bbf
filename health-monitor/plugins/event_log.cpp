#include "health-monitor/plugins/event_log.hpp"

#include <memory>
#include <set>

namespace slipway::health {

// An alert as BOSH's event logger writes it; a decision names itself.
Json event_of(const Notice& notice) {
  Json event = {
      {"timestamp", to_epoch_seconds(notice.at)}, {"deployment", notice.deployment}, {"instance", notice.instance}};
  if (notice.kind == Notice::Kind::alert) {
    event["action"] = "create";
    event["object_type"] = "alert";
    event["object_name"] = notice.id;
    event["context"] = {{"message", notice.title + ". Alert @ " + to_director_time(notice.at) + ", severity " +
                                        std::to_string(notice.severity) + ": " + notice.summary},
                        {"kind", notice.action}};
  } else {
    event["action"] = notice.action;
    event["object_type"] = "repair";
    event["object_name"] = notice.instance.empty() ? notice.deployment : notice.instance;
    event["context"] = {{"reason", notice.summary}};
  }
  return event;
}

namespace {

class EventLog final : public Plugin {
 public:
  explicit EventLog(std::function<void(const Json&)> record) : record_(std::move(record)) {}
  std::string name() const override { return "event_log"; }

  // While the director is away they wait; those it took before it went are not told twice.
  void tell(const std::vector<Notice>& notices) override {
    for (const auto& notice : notices) {
      if (told_.contains(notice.id)) continue;
      record_(event_of(notice));
      told_.insert(notice.id);
    }
    told_.clear();
  }

 private:
  std::function<void(const Json&)> record_;
  std::set<std::string> told_;  // of those that come again
};

}  // namespace

std::unique_ptr<Plugin> make_event_log(std::function<void(const Json&)> record) {
  return std::make_unique<EventLog>(std::move(record));
}

}  // namespace slipway::health
