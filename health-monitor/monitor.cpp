#include "health-monitor/monitor.hpp"

#include <algorithm>

namespace slipway::health {

namespace {

using namespace std::chrono_literals;

constexpr int told_only = 5, warning = 4, error = 3, critical = 2, alert = 1;
constexpr auto ask_again_when_busy = 5s;
constexpr const char* failing = "failing";  // as agents say it

Instance copy_or_empty(const Instance* instance) { return instance ? *instance : Instance(); }

// An agent may send anything; it is shown to people and kept.
std::string short_text(const Json& json, const char* key) {
  constexpr std::size_t longest = 500;
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string()) return "";
  return found->get<std::string>().substr(0, longest);
}

int severity_in(const Json& json) {
  const auto found = json.find("severity");
  if (found == json.end() || !found->is_number_integer()) return warning;
  return static_cast<int>(std::clamp<std::int64_t>(found->get<std::int64_t>(), alert, warning));
}

}  // namespace

Monitor::Monitor(MonitorSettings settings, Hands& hands, Random& random)
    : settings_(std::move(settings)), hands_(hands), random_(random), liveness_(settings_.liveness), disks_(settings_.disks) {}

void Monitor::learn(Fleet fleet, Instant now) {
  std::lock_guard lock(mutex_);
  fleet_ = std::move(fleet);
  if (!knows_fleet_) liveness_.forgive(now);
  knows_fleet_ = true;
  rebuild(now);
}

void Monitor::learn(Deployment deployment, Instant now) {
  std::lock_guard lock(mutex_);
  auto name = deployment.name;
  fleet_.deployments[std::move(name)] = std::move(deployment);
  rebuild(now);
}

void Monitor::set_locked(const std::string& deployment, bool locked) {
  std::lock_guard lock(mutex_);
  if (const auto found = fleet_.deployments.find(deployment); found != fleet_.deployments.end())
    found->second.locked = locked;
}

void Monitor::set_leading(bool leading, Instant now) {
  std::lock_guard lock(mutex_);
  // Whoever led before may just have asked for a repair whose beginning we have not seen.
  if (leading && !leading_) liveness_.forgive(now);
  leading_ = leading;
}

void Monitor::set_paused(bool paused) {
  std::lock_guard lock(mutex_);
  paused_ = paused;
}

void Monitor::rebuild(Instant now) {
  by_agent_.clear();
  by_key_.clear();
  lacking_.clear();
  std::vector<std::string> agents;
  for (const auto& [name, deployment] : fleet_.deployments) {
    for (const auto& instance : deployment.instances) {
      by_key_[{name, instance.id}] = &instance;
      if (instance.lacks_vm()) lacking_.emplace_back(name, instance.id);
      if (instance.agent.empty()) continue;
      by_agent_[instance.agent] = &instance;
      agents.push_back(instance.agent);
    }
  }
  liveness_.expect(agents, now);
  disks_.keep({agents.begin(), agents.end()});
  std::erase_if(job_states_, [&](const auto& entry) { return !by_agent_.contains(entry.first); });
  std::erase_if(lineages_, [&](const auto& entry) { return !by_key_.contains(entry.first); });
  drop_healed(now);
}

// What is not heard but through another agent, or not at all any more, is no trouble of ours.
void Monitor::drop_healed(Instant now) {
  for (auto it = troubled_.begin(); it != troubled_.end();) {
    const auto key = it->first;
    const auto found = by_key_.find(key);
    const bool gone = found == by_key_.end();
    const bool healed = !gone && (it->second.trouble == Trouble::missing
                                      ? !found->second->lacks_vm()
                                      : found->second->agent != it->second.agent && !found->second->lacks_vm());
    if (gone || healed) {
      it = troubled_.erase(it);
      if (!gone) lineages_[key].healthy(now);
    } else {
      ++it;
    }
  }
}

void Monitor::step(Instant now, Timestamp wall) {
  std::lock_guard lock(mutex_);
  const auto judgement = liveness_.judge(now);
  for (const auto& agent : judgement.probe) hands_.probe(agent);
  if (judgement.deaf != deaf_) {
    deaf_ = judgement.deaf;
    tell({.severity = deaf_ ? error : told_only,
          .action = deaf_ ? "deaf" : "hearing",
          .title = deaf_ ? "the message bus does not answer" : "the message bus answers",
          .summary = deaf_ ? "nobody is judged until it does" : "nobody is judged before the grace is over"},
         nullptr, wall);
  }
  for (const auto& agent : judgement.silent) note_silent(agent, now, wall);
  for (const auto& agent : judgement.unmanaged) {
    tell({.severity = critical,
          .action = "unmanaged",
          .title = agent + " is not a managed agent",
          .summary = "it is heard on the bus, and no instance has it",
          .source = agent},
         nullptr, wall);
  }
  note_outcomes(now, wall);
  note_back(now, wall);
  if (!knows_fleet_) return;
  note_missing(now, wall);
  note_failing(now, wall);
  const auto list = patients();
  if (list.empty()) return;
  act(decide(settings_.budget, situation(now), list), wall);
}

void Monitor::note_silent(const std::string& agent, Instant now, Timestamp wall) {
  const auto found = by_agent_.find(agent);
  if (found == by_agent_.end()) return;
  const auto& instance = *found->second;
  const Key key{instance.deployment, instance.id};
  auto [entry, is_new] = troubled_.try_emplace(key);
  const bool known = entry->second.trouble == Trouble::silent || entry->second.under_repair;
  if (!is_new && entry->second.agent == agent && known) return;
  entry->second = {.trouble = Trouble::silent, .since = now, .agent = agent};
  lineages_[key].troubled(settings_.ladder, now);
  // While a task works on it, silence is no news.
  const bool locked = fleet_.deployments.at(instance.deployment).locked;
  tell({.severity = locked ? told_only : critical,
        .action = "silent",
        .title = instance.name() + " has timed out",
        .summary = "no heartbeat and no answer to a probe" +
                   std::string(locked ? ", while a task works on its deployment" : "")},
       &instance, wall);
}

// What is under repair is looked at when the repair has ended.
void Monitor::note_back(Instant now, Timestamp wall) {
  for (auto it = troubled_.begin(); it != troubled_.end();) {
    const auto& [key, trouble] = *it;
    if (trouble.under_repair || trouble.trouble != Trouble::silent || !liveness_.is_alive(trouble.agent)) {
      ++it;
      continue;
    }
    const auto* instance = by_key_.at(key);
    lineages_[key].healthy(now);
    it = troubled_.erase(it);
    tell({.severity = told_only,
          .action = "back",
          .title = instance->name() + " is back",
          .summary = "it is heard again"},
         instance, wall);
  }
}

void Monitor::note_missing(Instant now, Timestamp wall) {
  for (const auto& key : lacking_) {
    const auto* instance = by_key_.at(key);
    if (fleet_.deployments.at(key.first).locked) continue;
    auto [entry, is_new] = troubled_.try_emplace(key);
    if (!is_new && (entry->second.trouble == Trouble::missing || entry->second.under_repair)) continue;
    entry->second = {.trouble = Trouble::missing, .since = now};
    lineages_[key].troubled(settings_.ladder, now);
    tell({.severity = critical,
          .action = "missing",
          .title = instance->name() + " has no VM",
          .summary = "the director expects one and knows of none"},
         instance, wall);
  }
}

// Jobs that die again and again run for a moment in between, which ends no trouble. While a task works on the deployment
// they may do what they like, and after it they have their time again.
void Monitor::watch_failing(Instant now) {
  for (const auto& [agent, state] : job_states_) {
    if (state == failing) failing_.try_emplace(agent, Failing{now, now}).first->second.last_seen = now;
  }
  std::erase_if(failing_, [&](const auto& entry) {
    const auto instance = by_agent_.find(entry.first);
    if (instance == by_agent_.end() || now - entry.second.last_seen > settings_.failing_for / 4) return true;
    const auto known = troubled_.find({instance->second->deployment, instance->second->id});
    const bool under_repair = known != troubled_.end() && known->second.under_repair;
    return under_repair || fleet_.deployments.at(instance->second->deployment).locked;
  });
}

// systemd and the agent have long tried what they can.
void Monitor::note_failing(Instant now, Timestamp wall) {
  if (settings_.failing_for == Duration::zero()) return;
  watch_failing(now);
  for (const auto& [agent, state] : failing_) {
    const auto& instance = *by_agent_.at(agent);
    const Key key{instance.deployment, instance.id};
    if (now - state.since < settings_.failing_for || troubled_.contains(key)) continue;
    troubled_[key] = {.trouble = Trouble::failing, .since = now, .agent = agent};
    lineages_[key].troubled(settings_.ladder, now);
    tell({.severity = critical,
          .action = "failing",
          .title = instance.name() + " has long been failing",
          .summary = "its agent answers, and could not bring its jobs to run"},
         &instance, wall);
  }
  for (auto it = troubled_.begin(); it != troubled_.end();) {
    const auto& trouble = it->second;
    const bool is_back = trouble.trouble == Trouble::failing && !trouble.under_repair && !failing_.contains(trouble.agent);
    if (is_back) lineages_[it->first].healthy(now);
    it = is_back ? troubled_.erase(it) : std::next(it);
  }
}

void Monitor::note_outcomes(Instant now, Timestamp wall) {
  for (const auto& outcome : hands_.outcomes()) note_outcome(outcome, now, wall);
}

void Monitor::note_outcome(const RepairOutcome& outcome, Instant now, Timestamp wall) {
  using End = RepairOutcome::End;
  const auto repaired = in_repair_.extract(outcome.deployment);
  if (repaired.empty()) return;
  if (outcome.end == End::paused) {
    paused_ = true;  // until the director says otherwise
  } else if (outcome.end != End::not_begun) {
    ++ended_[outcome.end == End::done ? "done" : "failed"];
  }
  for (const auto& key : repaired.mapped()) {
    const auto found = troubled_.find(key);
    const auto instance = by_key_.find(key);
    if (found != troubled_.end()) found->second.under_repair = false;
    // Jobs that were started anew have their time before they are judged again.
    const bool starts_anew = outcome.end == End::done && found != troubled_.end() && found->second.trouble == Trouble::failing;
    if (starts_anew) troubled_.erase(found);
    auto& lineage = lineages_[key];
    switch (outcome.end) {
      case End::done:
        lineage.ended(settings_.ladder, now);
        // It is looked at again once there was time to be heard.
        lineage.postponed(std::max(lineage.not_before(), now + settings_.liveness.timeout));
        break;
      case End::failed:
        lineage.ended(settings_.ladder, now);
        break;
      case End::not_begun:
      case End::paused:
        lineage.postponed(now + ask_again_when_busy);
        break;
    }
    if (outcome.end == End::paused) continue;
    const bool done = outcome.end == End::done;
    tell({.kind = Notice::Kind::decision,
          .severity = done                         ? told_only
                      : outcome.end == End::failed ? error
                                                   : warning,
          .action = done                         ? "repaired"
                    : outcome.end == End::failed ? "repair_failed"
                                                 : "repair_postponed",
          .title = "repair of " + key.second + (done ? " ended" : " did not help"),
          .summary = (outcome.task.empty() ? "" : "task " + outcome.task) +
                     (outcome.error.empty() ? "" : (outcome.task.empty() ? "" : ": ") + outcome.error)},
         instance == by_key_.end() ? nullptr : instance->second, wall);
  }
  drop_healed(now);
}

std::vector<Patient> Monitor::patients() const {
  std::vector<Patient> list;
  for (const auto& [key, trouble] : troubled_) {
    const auto instance = by_key_.find(key);
    if (instance == by_key_.end()) continue;
    Patient patient;
    patient.instance = instance->second;
    patient.trouble = trouble.trouble;
    patient.since = trouble.since;
    patient.under_repair = trouble.under_repair;
    if (const auto lineage = lineages_.find(key); lineage != lineages_.end()) {
      patient.rung = lineage->second.next_rung(settings_.ladder, trouble.trouble);
      patient.attempts = lineage->second.attempts();
      patient.not_before = lineage->second.not_before();
    }
    list.push_back(patient);
  }
  return list;
}

Situation Monitor::situation(Instant now) const {
  Situation situation;
  situation.now = now;
  situation.leading = leading_;
  situation.amnesty = liveness_.forgiving(now);
  situation.paused = !settings_.repairs || paused_;
  situation.fleet = &fleet_;
  std::set<Key> down;
  for (const auto& [key, trouble] : troubled_) down.insert(key);
  situation.settle_for = settings_.liveness.timeout;
  for (const auto& agent : liveness_.suspects(now)) {
    const auto found = by_agent_.find(agent);
    if (found == by_agent_.end()) continue;
    const auto& instance = *found->second;
    if (down.insert({instance.deployment, instance.id}).second) situation.suspected.insert(instance.deployment);
  }
  for (const auto& key : down) ++situation.down[key.first];
  for (const auto& [name, deployment] : fleet_.deployments) {
    if (deployment.locked) situation.locked.insert(name);
  }
  for (const auto& [name, keys] : in_repair_) situation.busy.insert(name);
  return situation;
}

// A request is for one remedy; those who need another wait until it is through.
void Monitor::act(const std::vector<Decision>& decisions, Timestamp wall) {
  std::map<std::string, std::map<Remedy, std::vector<const Decision*>>> chosen;
  std::map<std::string, std::vector<const Decision*>> melting;
  for (const auto& decision : decisions) {
    const auto& instance = *decision.patient->instance;
    auto& trouble = troubled_.at({instance.deployment, instance.id});
    if (decision.hold == Hold::none) {
      const Remedy remedy{decision.patient->rung, trouble.trouble == Trouble::failing};
      chosen[instance.deployment][remedy].push_back(&decision);
    } else if (trouble.told != decision.hold) {
      trouble.told = decision.hold;
      if (decision.hold == Hold::meltdown) {
        melting[instance.deployment].push_back(&decision);
      } else {
        tell_held(decision, wall);
      }
    }
  }
  for (const auto& [deployment, held] : melting) tell_meltdown(deployment, held, wall);
  order(std::move(chosen), wall);
}

void Monitor::order(std::map<std::string, std::map<Remedy, std::vector<const Decision*>>> chosen, Timestamp wall) {
  for (const auto& [deployment, by_remedy] : chosen) {
    const auto& [remedy, those] = *by_remedy.begin();
    const auto rung = remedy.first;
    RepairOrder order{.id = random_.uuid(), .deployment = deployment, .rung = rung, .failing_jobs = remedy.second};
    for (const auto* decision : those) {
      const auto& instance = *decision->patient->instance;
      const Key key{deployment, instance.id};
      order.jobs[instance.group].push_back(instance.id);
      auto& trouble = troubled_.at(key);
      trouble.under_repair = true;
      trouble.told = Hold::none;
      lineages_[key].begun(rung);
      in_repair_[deployment].push_back(key);
      ++begun_[to_string(rung)];
      tell({.kind = Notice::Kind::decision,
            .severity = warning,
            .action = to_string(rung),
            .title = to_string(rung) + " " + instance.name(),
            .summary = decision->reason},
           &instance, wall);
    }
    hands_.repair(order);
  }
}

void Monitor::tell_held(const Decision& decision, Timestamp wall) {
  // Those who only watch, or cannot judge yet, decide nothing.
  if (decision.hold == Hold::standby || decision.hold == Hold::amnesty || decision.hold == Hold::settling) return;
  const auto& instance = *decision.patient->instance;
  tell({.kind = Notice::Kind::decision,
        .severity = decision.hold == Hold::busy || decision.hold == Hold::locked ? told_only : warning,
        .action = "hold",
        .title = "no repair of " + instance.name() + " now",
        .summary = to_string(decision.hold) + ": " + decision.reason},
       &instance, wall);
}

void Monitor::tell_meltdown(const std::string& deployment, const std::vector<const Decision*>& held, Timestamp wall) {
  constexpr std::size_t most_named = 20;
  std::string names;
  for (std::size_t i = 0; i < std::min(held.size(), most_named); ++i)
    names += (i ? ", " : "") + held[i]->patient->instance->name();
  if (held.size() > most_named) names += " and " + std::to_string(held.size() - most_named) + " more";
  Instance all;
  all.deployment = deployment;
  tell({.kind = Notice::Kind::decision,
        .severity = alert,
        .action = "hold",
        .title = "no repair of " + std::to_string(held.size()) + " instances of " + deployment,
        .summary = held.front()->reason + "; " + names},
       &all, wall);
}

// A monitor that only stands by tells nobody: the other one does.
void Monitor::tell(Notice notice, const Instance* instance, Timestamp wall) {
  if (!leading_) return;
  const auto known = copy_or_empty(instance);
  notice.id = random_.uuid();
  notice.at = wall;
  notice.deployment = known.deployment;
  if (!known.id.empty()) notice.instance = known.name();
  if (notice.source.empty())
    notice.source = known.deployment.empty() ? "health-monitor" : known.deployment + ": " + notice.instance;
  hands_.tell(std::move(notice));
}

void Monitor::alert_of(const std::string& agent, const Json& json, Timestamp now) {
  std::lock_guard lock(mutex_);
  const auto found = by_agent_.find(agent);
  tell({.severity = severity_in(json),
        .action = "alert",
        .title = short_text(json, "title"),
        .summary = short_text(json, "summary"),
        .source = found == by_agent_.end() ? agent : ""},
       found == by_agent_.end() ? nullptr : found->second, now);
}

void Monitor::shutdown_of(const std::string& agent, Timestamp now) {
  std::lock_guard lock(mutex_);
  const auto found = by_agent_.find(agent);
  if (found == by_agent_.end()) return;
  tell({.severity = told_only,
        .action = "shutdown",
        .title = found->second->name() + " shuts down",
        .summary = "its agent says so; if it stays away it will be missed"},
       found->second, now);
}

bool Monitor::complete(HeartbeatSample& sample) const {
  std::lock_guard lock(mutex_);
  const auto found = by_agent_.find(sample.agent);
  if (found == by_agent_.end()) return false;
  const auto& instance = *found->second;
  sample.deployment = instance.deployment;
  sample.group = instance.group;
  sample.instance_id = instance.id;
  sample.index = instance.index;
  sample.teams = fleet_.deployments.at(instance.deployment).teams;
  return true;
}

void Monitor::note_job_state(const std::string& agent, const std::string& state, Timestamp now) {
  std::lock_guard lock(mutex_);
  const auto found = by_agent_.find(agent);
  if (found == by_agent_.end()) return;
  const auto known = job_states_.find(agent);
  const auto before = known == job_states_.end() ? "running" : known->second;
  if (state == before) return;
  if (state == "running") {
    job_states_.erase(agent);
  } else {
    job_states_[agent] = state;
  }
  const bool expected = fleet_.deployments.at(found->second->deployment).locked || state == "running";
  tell({.severity = expected ? told_only : error,
        .action = "job_state",
        .title = found->second->name() + " is " + state,
        .summary = "its jobs were " + before + " before"},
       found->second, now);
}

void Monitor::note_disks(const std::string& agent, const Json& vitals, Instant now, Timestamp wall) {
  std::lock_guard lock(mutex_);
  const auto found = by_agent_.find(agent);
  if (found == by_agent_.end()) return;
  using To = DiskWatch::Change::To;
  for (const auto& change : disks_.heard(agent, vitals, now)) {
    const auto disk = change.disk + " disk";
    tell({.severity = change.to == To::full ? error : change.to == To::scarce ? warning : told_only,
          .action = change.to == To::full ? "disk_full" : change.to == To::scarce ? "disk_scarce" : "disk_ample",
          .title = found->second->name() + ": " + disk + (change.to == To::ample ? " has room again" : " is filling up"),
          .summary = std::to_string(change.percent) + " % of its space or inodes are used" +
                     (change.kept && change.to != To::ample ? "; give its instance group a larger persistent disk" : "")},
         found->second, wall);
  }
  note_full(*found->second, disks_.replaceable(agent, now), now, wall);
}

void Monitor::note_full(const Instance& instance, const std::optional<std::string>& disk, Instant now, Timestamp wall) {
  const Key key{instance.deployment, instance.id};
  const auto known = troubled_.find(key);
  if (!disk) {
    if (known == troubled_.end() || known->second.trouble != Trouble::full || known->second.under_repair) return;
    troubled_.erase(known);
    lineages_[key].healthy(now);
    return;
  }
  if (known != troubled_.end()) return;
  troubled_[key] = {.trouble = Trouble::full, .since = now, .agent = instance.agent};
  lineages_[key].troubled(settings_.ladder, now);
  tell({.severity = critical,
        .action = "full",
        .title = instance.name() + " has no room left",
        .summary = "its " + *disk + " disk is full, and goes with its VM"},
       &instance, wall);
}

Monitor::Figures Monitor::figures() const {
  std::lock_guard lock(mutex_);
  Figures figures;
  figures.agents = liveness_.counts();
  figures.leading = leading_;
  figures.deaf = deaf_;
  for (const auto& [key, trouble] : troubled_) {
    ++figures.troubled[to_string(trouble.trouble)];
    if (trouble.told && *trouble.told != Hold::none) ++figures.held[to_string(*trouble.told)];
  }
  figures.repairs_begun = begun_;
  figures.repairs_ended = ended_;
  for (const auto& [agent, state] : job_states_) ++figures.failing[by_agent_.at(agent)->deployment];
  return figures;
}

}  // namespace slipway::health
