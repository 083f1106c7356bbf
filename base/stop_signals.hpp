#pragma once

#include <signal.h>

namespace slipway {

// How a daemon is asked to stop: SIGTERM and SIGINT wait to be taken by wait(), SIGPIPE is
// ignored. Make one before any thread starts, so that every thread leaves them to it.
class StopSignals {
 public:
  StopSignals();
  int wait() const;  // blocks; the signal's number

 private:
  sigset_t signals_;
};

}  // namespace slipway
