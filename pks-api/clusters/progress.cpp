#include "pks-api/clusters/progress.hpp"

#include <algorithm>
#include <numeric>

namespace slipway::pks {

namespace {

constexpr int most_steps = 1'000'000;  // more is no number of instances

std::string event_text(const Json& event, const char* key) {
  const auto value = event.find(key);
  return value != event.end() && value->is_string() ? value->get<std::string>() : "";
}

}  // namespace

void Progress::apply(const std::string& line, std::set<std::string>& running) {
  const auto event = Json::parse(line, nullptr, false);
  if (!event.is_object()) return;
  const auto its_stage = event_text(event, "stage");
  const auto its_step = event_text(event, "task");
  const auto state = event_text(event, "state");
  if (its_stage.empty()) return;
  if (its_stage != stage) {
    if (!stage.empty() && std::find(finished_stages.begin(), finished_stages.end(), stage) == finished_stages.end()) {
      finished_stages.push_back(stage);
    }
    stage = its_stage;
    done = 0;
    totals.clear();
    running.clear();
  }
  const auto count = event.find("total");
  const auto tags = event.find("tags");
  totals[tags == event.end() ? "" : dump(*tags)] =
      count != event.end() && count->is_number_integer() ? std::clamp(count->get<int>(), 0, most_steps) : 0;
  const auto add = [](int sum, const auto& one) { return std::min(sum + one.second, most_steps); };
  total = std::accumulate(totals.begin(), totals.end(), 0, add);
  if (state == "started") {
    running.insert(its_step);
    step = its_step;
  } else if (state == "finished" || state == "failed") {
    running.erase(its_step);
    if (state == "finished") ++done;
    if (!running.empty()) step = *running.begin();
  }
}

std::vector<std::string> stages_ahead(const std::string& action, const Progress& progress) {
  static const std::vector<std::string> deploy = {"Preparing deployment", "Compiling packages",
                                                  "Creating missing vms", "Updating instance"};
  static const std::vector<std::string> remove = {"Deleting instances", "Deleting properties and permissions"};
  const auto& known = action == "DELETE" ? remove : deploy;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < known.size(); ++i) {
    const auto passed = std::find(progress.finished_stages.begin(), progress.finished_stages.end(), known[i]);
    if (progress.stage == known[i] || passed != progress.finished_stages.end()) begin = i + 1;
  }
  return {known.begin() + static_cast<std::ptrdiff_t>(begin), known.end()};
}

void ProgressBoard::begin(const std::string& cluster, const std::string& operation) {
  const std::lock_guard lock(mutex_);
  entries_[cluster] = Entry{++last_version_, Progress{.operation = operation}, {}};
  changed_.notify_all();
}

void ProgressBoard::apply(const std::string& cluster, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  const std::lock_guard lock(mutex_);
  auto& entry = entries_[cluster];
  for (const auto& line : lines) entry.progress.apply(line, entry.running);
  entry.version = ++last_version_;
  changed_.notify_all();
}

void ProgressBoard::touch(const std::string& cluster) {
  const std::lock_guard lock(mutex_);
  entries_[cluster].version = ++last_version_;
  changed_.notify_all();
}

void ProgressBoard::forget(const std::string& cluster) {
  const std::lock_guard lock(mutex_);
  entries_.erase(cluster);
  changed_.notify_all();
}

ProgressBoard::Seen ProgressBoard::wait(const std::string& cluster, std::uint64_t version,
                                        std::chrono::seconds patience, std::size_t max_waiting) {
  std::unique_lock lock(mutex_);
  const auto deadline = clock_.monotonic() + patience;
  const auto unchanged = [&] {
    const auto entry = entries_.find(cluster);
    return entry != entries_.end() && entry->second.version == version;
  };
  if (waiting_ < max_waiting) {
    ++waiting_;
    while (unchanged() && clock_.monotonic() < deadline) clock_.wait_until(lock, changed_, deadline);
    --waiting_;
  }
  const auto entry = entries_.find(cluster);
  if (entry == entries_.end()) return {};
  return {entry->second.version, entry->second.progress};
}

}  // namespace slipway::pks
