#include "health-monitor/config.hpp"

namespace slipway::health {

namespace {

int number(Config& in, const char* key, int fallback, int min, int max, const char* help) {
  return static_cast<int>(in.integer(key, fallback, min, max, help));
}

LivenessSettings read_liveness(Config& in) {
  LivenessSettings settings;
  settings.interval = std::chrono::milliseconds(
      number(in, "heartbeat.interval_ms", 30'000, 100, 3'600'000,
             "how often agents send heartbeats (agent_heartbeat_seconds of the director); one that is a fifth of "
             "this overdue is probed"));
  settings.timeout = std::chrono::milliseconds(
      number(in, "heartbeat.timeout_ms", 90'000, 300, 36'000'000, "so long without any sign an agent is down"));
  settings.grace = std::chrono::seconds(
      number(in, "heartbeat.grace_seconds", 30, 1, 3600,
             "nobody is judged for so long after a start, a silence of the bus, or a change of the acting monitor; "
             "agents need up to 10 to be back on the bus"));
  settings.unmanaged_after = std::chrono::seconds(
      number(in, "heartbeat.unmanaged_after_seconds", 120, 1, 86'400, "an agent nobody knows is told of then"));
  settings.sample_every = std::chrono::seconds(
      number(in, "heartbeat.sample_seconds", 10, 1, 3600,
             "an agent's heartbeat is looked into, and given to plugins, so often, and when its job state changes"));
  return settings;
}

DiskSettings read_disks(Config& in) {
  DiskSettings settings;
  settings.warn_percent = number(in, "disks.warn_percent", 90, 1, 101, "a disk that is used so far is told of; 101: never");
  settings.full_percent =
      number(in, "disks.full_percent", 97, 50, 101,
             "a VM whose own system or ephemeral disk is used so far is replaced, which empties it; 101: never");
  settings.full_for = std::chrono::seconds(number(in, "disks.full_seconds", 60, 0, 86'400, "… when it was so full for so long"));
  return settings;
}

LadderSettings read_ladder(Config& in) {
  LadderSettings settings;
  const auto names = in.strings("repair.ladder", {"reboot", "replace"},
                                "what is tried for a VM that does not answer, in order: reboot, replace; the last one "
                                "again and again");
  Problems problems;
  settings.rungs.clear();
  for (const auto& name : names) {
    if (name == "reboot")
      settings.rungs.push_back(Rung::reboot);
    else if (name == "replace")
      settings.rungs.push_back(Rung::replace);
    else
      problems.add("repair.ladder", "'" + name + "' is not one of reboot and replace");
  }
  if (names.empty()) problems.add("repair.ladder", "has to name at least one of reboot and replace");
  problems.throw_if_any("configuration");
  settings.backoff_first = std::chrono::seconds(number(in, "repair.backoff_first_seconds", 30, 1, 86'400,
                                                       "pause before the last rung is tried again; doubled each time"));
  settings.backoff_most = std::chrono::seconds(number(in, "repair.backoff_most_seconds", 1800, 1, 86'400, "its limit"));
  settings.forget_after = std::chrono::seconds(
      number(in, "repair.forget_after_seconds", 600, 1, 86'400, "after so long in health the ladder begins anew"));
  return settings;
}

BudgetSettings read_budget(Config& in) {
  BudgetSettings settings;
  settings.meltdown_minimum =
      number(in, "budget.meltdown_minimum", 5, 1, 1'000'000, "with at least so many instances of a deployment down …");
  settings.meltdown_percent =
      number(in, "budget.meltdown_percent", 20, 0, 100, "… and at least this share of it, none of it is repaired");
  settings.in_flight = number(in, "budget.in_flight", 10, 1, 10'000, "instances under repair at once");
  settings.in_flight_per_az = number(in, "budget.in_flight_per_az", 5, 1, 10'000, "of them in one AZ");
  settings.in_flight_per_deployment =
      number(in, "budget.in_flight_per_deployment", 3, 1, 10'000, "of them in one deployment");
  return settings;
}

}  // namespace

MonitorConfig read_monitor_config(Config& in) {
  MonitorConfig c;
  c.director_url = in.string("director.url", "https://ADDRESS:PORT of the director's API");
  c.director_ca_file = in.path("director.ca_file", "PEM CA its certificate is verified with");
  c.director_user = in.string("director.user", "health-monitor", "who we are there");
  c.director_password_file = in.path("director.password_file", "file with the password");
  c.poll_seconds = number(in, "director.poll_seconds", 60, 1, 3600,
                          "everything is looked at again so often, though the director tells of changes at once");
  c.lease_seconds = number(in, "director.lease_seconds", 10, 3, 300,
                           "of several monitors one acts; when it is not heard for so long another does");
  c.monitor.liveness = read_liveness(in);
  c.monitor.disks = read_disks(in);
  c.repair.full_disk_percent = c.monitor.disks.full_percent;
  c.monitor.failing_for = std::chrono::seconds(
      number(in, "jobs.failing_seconds", 0, 0, 86'400,
             "a VM whose agent answers, and whose jobs have not been running for so long, is rebooted and then replaced; "
             "0: never, as BOSH has it"));
  c.monitor.repairs = in.boolean("repair.enabled", true, "false: watch and tell only");
  c.monitor.ladder = read_ladder(in);
  c.repair.state_wait = std::chrono::milliseconds(
      number(in, "repair.state_wait_ms", 2000, 100, 60'000,
             "the director asks each agent once more before it repairs; it may take so long to answer"));
  c.repair.reboot_wait = std::chrono::seconds(
      number(in, "repair.reboot_wait_seconds", 60, 1, 3600, "an agent may take so long to be back after a reboot"));
  c.monitor.budget = read_budget(in);
  c.listen_address = in.string("listen_address", "127.0.0.1", "address where /metrics and /healthz can be had");
  c.port = number(in, "port", 25923, 1, 65535, "its port");
  c.certificate_file = in.path("tls.certificate_file", "PEM certificate of it");
  c.private_key_file = in.path("tls.private_key_file", "its key, readable by the monitor only");
  c.plugins = in.value("plugins", Json::array(),
                       "who is told besides the director's events: a list of {type: webhook | email | process, …}, see "
                       "below");
  c.log_file = in.path("log.file", "", "where the log goes; empty: standard error");
  c.log_level = in.string("log.level", "info", "debug, info, warn or error");
  in.finish();
  if (c.monitor.liveness.timeout < 2 * c.monitor.liveness.interval) {
    throw Error(Fault::invalid,
                "heartbeat.timeout_ms has to be at least twice heartbeat.interval_ms: one lost message "
                "is no death");
  }
  return c;
}

}  // namespace slipway::health
