#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "cpi/vsphere/session.hpp"

namespace slipway::cpi::vsphere {

// While it lives, vCenter hears now and then that an upload goes on; else the lease ends after minutes and
// the session after half an hour.
class LeaseProgress {
 public:
  LeaseProgress(Session& session, const MoRef& lease)
      : thread_([this, &session, lease] { report(session, lease); }) {}
  ~LeaseProgress() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  LeaseProgress(const LeaseProgress&) = delete;
  LeaseProgress& operator=(const LeaseProgress&) = delete;

 private:
  void report(Session& session, const MoRef& lease) {
    constexpr std::chrono::seconds interval{20};
    // How far it is nobody asks; that it is at all ends the lease's patience.
    constexpr int percent = 50;
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, interval, [this] { return ended_; })) {
      lock.unlock();
      try {
        session.call("HttpNfcLeaseProgress", lease, Effect::looks,
                     [](XmlOut& in) { in.number("percent", percent); });
      } catch (const std::exception& error) {
        session.log().warn("lease.progress", {{"error", error.what()}});  // the upload itself will tell
      }
      lock.lock();
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace slipway::cpi::vsphere
