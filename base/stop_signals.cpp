#include "base/stop_signals.hpp"

#include <initializer_list>

namespace slipway {

StopSignals::StopSignals() {
  sigemptyset(&signals_);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals_, signal);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

int StopSignals::wait() const {
  int received = 0;
  sigwait(&signals_, &received);
  return received;
}

}  // namespace slipway
