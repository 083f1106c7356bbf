#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/process.hpp"

namespace slipway::director {

std::string_view worker_source();  // worker.rb

struct WorkerOptions {
  std::string ruby = "/usr/bin/ruby";
  std::chrono::milliseconds start_timeout{20'000};
  std::chrono::milliseconds template_timeout{30'000};  // for each template
  std::size_t max_output_bytes = 16u << 20;            // of each template
};

struct TemplateSource {
  std::string name;    // as errors call it
  std::string digest;  // of content
  std::string_view content;
};

// One job for one instance. What is pointed to outlives the call.
struct WorkerRequest {
  std::string job;
  const Json* spec;
  const Json* properties;
  const Json* links;
  std::vector<TemplateSource> templates;
};

struct TemplateOutcome {
  std::string content;
  std::optional<std::string> error;
  std::optional<int> line;
};

// One Ruby process. Not thread-safe. Once `usable()` is false it is only good for
// destruction: a template hung it, ended it or wrote over its replies.
class Worker {
 public:
  explicit Worker(const WorkerOptions& options);  // Fault::internal when Ruby does not start

  // Renders the templates from index `outcomes.size()` on and appends an outcome for each,
  // up to and including one that breaks the worker.
  void render(const WorkerRequest& request, std::vector<TemplateOutcome>& outcomes);

  bool usable() const { return usable_; }

 private:
  void send(const WorkerRequest& request, std::size_t first);
  TemplateOutcome receive(std::size_t index);

  WorkerOptions options_;
  std::set<std::string> known_;  // digests of the templates this process has compiled
  std::uint64_t request_ = 0;
  bool usable_ = true;
  std::unique_ptr<ChildProcess> child_;
};

}  // namespace slipway::director
