#include "cli/order.hpp"

#include "cli/cluster_view.hpp"
#include "cli/wait.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

void OrderFlags::add_to(CommandLine& line) {
  line.flags()("wait", po::bool_switch(&wait), waits)(
      "timeout", po::value(&timeout)->default_value(timeout), "seconds that --wait waits at most")(
      "json", po::bool_switch(&json), answer)("non-interactive", po::bool_switch(&quiet), asks);
}

void OrderFlags::require_consent(Terminal& terminal, const std::string& question, const std::string& declined) const {
  if (!quiet && !confirm(terminal, question)) throw Exit(exit_declined, declined);
}

void end_order(Terminal& terminal, Api& api, Clock& clock, Json ordered, const std::string& cluster,
               const std::string& action, const OrderFlags& flags) {
  if (flags.wait) {
    Waiter(terminal, api, clock, flags.json).wait(cluster, action, flags.limit());
    ordered = api.get("/v1/clusters/" + cluster);
  }
  show_order(terminal, ordered, flags.wait, flags.json);
}

}  // namespace slipway::cli
