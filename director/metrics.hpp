#pragma once

#include "base/http/server.hpp"
#include "director/executor/services.hpp"
#include "director/tasks/task_queue.hpp"

namespace slipway::director {

// The handler with /healthz and /metrics (Prometheus text) in front; neither asks who you are
// and neither tells a name.
http::Handler with_metrics(http::Handler handler, Tasks& tasks, Stores& stores);

}  // namespace slipway::director
