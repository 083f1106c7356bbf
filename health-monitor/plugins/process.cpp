#include "health-monitor/plugins/process.hpp"

#include <signal.h>

#include <mutex>

#include "base/process.hpp"

namespace slipway::health {

namespace {

class Process final : public Plugin {
 public:
  Process(ProcessOptions options, Log log) : options_(std::move(options)), log_(std::move(log)) {}
  std::string name() const override { return "process"; }
  bool wants_heartbeats() const override { return options_.heartbeats; }

  void tell(const std::vector<Notice>& notices) override { write(notices); }
  void tell_heartbeats(const std::vector<HeartbeatSample>& samples) override { write(samples); }

  void abandon() override {
    std::lock_guard lock(mutex_);
    abandoned_ = true;
    if (child_) child_->send_signal(SIGKILL);
  }

 private:
  template <class Item>
  void write(const std::vector<Item>& items) {
    std::string lines;
    for (const auto& item : items) lines += dump(to_json(item)) + "\n";
    ChildProcess& child = running_child();
    try {
      child.write(lines);
    } catch (const Error& error) {
      throw Error(Fault::retryable, options_.command.front() + ": " + error.what());
    }
  }

  ChildProcess& running_child() {
    std::lock_guard lock(mutex_);
    if (abandoned_) throw Error(Fault::cancelled, "the monitor ends");
    if (child_ && child_->running()) return *child_;
    child_.reset();
    ChildProcess::Options spec;
    spec.argv = options_.command;
    spec.on_stderr_line = [log = log_](std::string_view line) {
      log.info("plugin.process_says", {{"line", std::string(line)}});
    };
    try {
      child_ = std::make_unique<ChildProcess>(std::move(spec));
    } catch (const Error& error) {
      throw Error(Fault::retryable, error.what());
    }
    return *child_;
  }

  const ProcessOptions options_;
  const Log log_;
  std::mutex mutex_;
  std::unique_ptr<ChildProcess> child_;
  bool abandoned_ = false;
};

}  // namespace

std::unique_ptr<Plugin> make_process(ProcessOptions options, Log log) {
  return std::make_unique<Process>(std::move(options), std::move(log));
}

}  // namespace slipway::health
