#include "health-monitor/plugins/plugins.hpp"

namespace slipway::health {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t most_queued = 10'000;
constexpr auto retry_pause = 2s;
constexpr auto farewell = 2s;

template <class Item>
std::vector<Item> taken(std::deque<Item>& queue) {
  std::vector<Item> all(std::make_move_iterator(queue.begin()), std::make_move_iterator(queue.end()));
  queue.clear();
  return all;
}

}  // namespace

class Plugins::Runner {
 public:
  Runner(std::unique_ptr<Plugin> plugin, Log log) : plugin_(std::move(plugin)), log_(std::move(log)) {
    thread_ = std::thread([this] { run(); });
  }
  ~Runner() {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    const bool ended = ended_.wait_for(lock, farewell, [this] { return done_; });
    lock.unlock();
    if (!ended) plugin_->abandon();
    thread_.join();
  }

  bool wants_heartbeats() const { return plugin_->wants_heartbeats(); }
  void put(const Notice& notice) { put(notices_, notice); }
  void put(const HeartbeatSample& sample) { put(samples_, sample); }
  Count count() const {
    std::lock_guard lock(mutex_);
    return {plugin_->name(), told_, lost_};
  }

 private:
  template <class Item>
  void put(std::deque<Item>& queue, const Item& item) {
    std::lock_guard lock(mutex_);
    if (queue.size() >= most_queued) {
      queue.pop_front();
      ++lost_;
    }
    queue.push_back(item);
    changed_.notify_all();
  }

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopping_ || !notices_.empty() || !samples_.empty(); });
      if (notices_.empty() && samples_.empty()) break;
      if (!told(notices_, lock) && stopping_) break;
      told(samples_, lock);
      const auto pause = plugin_->pause_between();
      if (pause > 0ms && !stopping_) changed_.wait_for(lock, pause, [this] { return stopping_; });
    }
    done_ = true;
    ended_.notify_all();
  }

  void give(const std::vector<Notice>& notices) { plugin_->tell(notices); }
  void give(const std::vector<HeartbeatSample>& samples) { plugin_->tell_heartbeats(samples); }

  // False: they are back in the queue.
  template <class Item>
  bool told(std::deque<Item>& queue, std::unique_lock<std::mutex>& lock) {
    if (queue.empty()) return true;
    auto items = taken(queue);
    lock.unlock();
    std::string error;
    bool again = false;
    try {
      give(items);
    } catch (const Error& failure) {
      error = failure.what();
      again = failure.fault() == Fault::retryable || failure.fault() == Fault::outcome_unknown;
    } catch (const std::exception& failure) {
      error = failure.what();
    }
    lock.lock();
    if (error.empty()) {
      told_ += items.size();
      failing_ = false;
      return true;
    }
    if (!failing_) log_.warn("plugin.failed", {{"plugin", plugin_->name()}, {"error", error}});
    failing_ = true;
    if (!again) {
      lost_ += items.size();
      return true;
    }
    queue.insert(queue.begin(), std::make_move_iterator(items.begin()), std::make_move_iterator(items.end()));
    for (; queue.size() > most_queued; queue.pop_front()) ++lost_;
    changed_.wait_for(lock, retry_pause, [this] { return stopping_; });
    return false;
  }

  std::unique_ptr<Plugin> plugin_;
  Log log_;
  mutable std::mutex mutex_;
  std::condition_variable changed_, ended_;
  std::deque<Notice> notices_;
  std::deque<HeartbeatSample> samples_;
  std::uint64_t told_ = 0, lost_ = 0;
  bool stopping_ = false, done_ = false, failing_ = false;
  std::thread thread_;
};

Plugins::Plugins(std::vector<std::unique_ptr<Plugin>> plugins, Log log) {
  for (auto& plugin : plugins) {
    runners_.push_back(std::make_unique<Runner>(std::move(plugin), log));
    want_heartbeats_ = want_heartbeats_ || runners_.back()->wants_heartbeats();
  }
}

Plugins::~Plugins() = default;

void Plugins::tell(const Notice& notice) {
  for (auto& runner : runners_) runner->put(notice);
}

void Plugins::tell(const HeartbeatSample& sample) {
  for (auto& runner : runners_) {
    if (runner->wants_heartbeats()) runner->put(sample);
  }
}

std::vector<Plugins::Count> Plugins::counts() const {
  std::vector<Count> counts;
  for (const auto& runner : runners_) counts.push_back(runner->count());
  return counts;
}

}  // namespace slipway::health
