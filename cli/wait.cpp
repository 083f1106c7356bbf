#include "cli/wait.hpp"

#include "cli/cluster_view.hpp"

namespace slipway::cli {

namespace {

constexpr int live_poll_seconds = 1, pipe_poll_seconds = 20;
constexpr std::size_t live_width = 100;

std::string shortened(const std::string& text, std::size_t most) {
  return text.size() <= most ? text : text.substr(0, most - 3) + "...";
}

}  // namespace

std::string progress_line(const Json& progress) {
  auto stage = field(progress, "stage");
  if (stage.empty()) stage = field(progress, "last_action_description");
  std::string line = stage;
  const auto total = progress.value("total", 0);
  if (total > 1) line += " (" + std::to_string(progress.value("done", 0)) + "/" + std::to_string(total) + ")";
  if (const auto step = field(progress, "step"); !step.empty() && step != stage) line += ": " + step;
  const auto next = progress.value("next_stages", Json::array());
  if (!next.empty() && next.front().is_string()) line += "; next: " + next.front().get<std::string>();
  return printable(line);
}

Waiter::Waiter(Terminal& terminal, Api& api, Clock& clock, bool json)
    : api_(api),
      clock_(clock),
      out_(json ? terminal.err : terminal.out),
      live_(terminal.live && !json) {}

void Waiter::show(const Json& progress, long elapsed) {
  const auto line = progress_line(progress);
  if (live_) {
    out_ << "\r\033[K" << shortened("[" + elapsed_text(elapsed) + "] " + line, live_width) << std::flush;
  } else if (line != last_) {
    out_ << "[" << elapsed_text(elapsed) << "] " << line << std::endl;
  }
  last_ = line;
}

void Waiter::end_line() {
  if (live_ && !last_.empty()) out_ << "\r\033[K" << std::flush;
}

void Waiter::wait(const std::string& cluster, const std::string& action, std::chrono::seconds limit) {
  const auto deadline = clock_.monotonic() + limit;
  Json version = 0;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(deadline - clock_.monotonic()).count();
    if (left <= 0) {
      end_line();
      throw Exit(exit_timeout, action + " of cluster " + cluster + " still goes on after " +
                                   elapsed_text(limit.count()) + "; look again with: pks cluster " + cluster);
    }
    const auto poll = std::min<long>(live_ ? live_poll_seconds : pipe_poll_seconds, left);
    const auto asked_at = clock_.monotonic();
    Json progress;
    try {
      progress = api_.get("/v1/clusters/" + cluster + "/progress?wait_seconds=" + std::to_string(poll) +
                          "&version=" + dump(version));
    } catch (const ApiError& error) {
      if (error.status < 500 && error.status != 404) throw;
      if (error.status == 404) {
        end_line();
        if (action == "DELETE") return;
        throw Exit(exit_failed, "Cluster " + cluster + " is gone: somebody deleted it");
      }
      clock_.sleep_for(std::chrono::seconds(1));
      continue;
    } catch (const Error& error) {  // the API is away, perhaps restarted: the work goes on without it
      if (error.fault() != Fault::retryable && error.fault() != Fault::outcome_unknown) throw;
      clock_.sleep_for(std::chrono::seconds(1));
      continue;
    }
    const Json seen = progress.value("version", 0);
    const bool answered_early = seen == version && clock_.monotonic() - asked_at < std::chrono::milliseconds(500);
    version = seen;
    const auto state = field(progress, "last_action_state");
    const bool ours = field(progress, "last_action") == action;
    if (ours && state == "in progress") {
      show(progress, progress.value("elapsed_seconds", 0L));
      // A server with many who wait answers some at once: they come back a little later.
      if (answered_early) clock_.sleep_for(std::chrono::seconds(1));
      continue;
    }
    end_line();
    if (!ours) throw Exit(exit_failed, "Cluster " + cluster + ": " + field(progress, "last_action") + " took over");
    if (state == "succeeded") return;
    throw Exit(exit_failed, action + " of cluster " + cluster + " " + state + ": " +
                                printable(field(progress, "last_action_description")));
  }
}

}  // namespace slipway::cli
