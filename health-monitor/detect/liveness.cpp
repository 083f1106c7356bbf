#include "health-monitor/detect/liveness.hpp"

#include <algorithm>

namespace slipway::health {

namespace {

using namespace std::chrono_literals;

// The bus lets in only whom the director allowed, so there are few; a limit there is all the same.
constexpr std::size_t most_strangers = 10'000;

}  // namespace

Duration LivenessSettings::probe_every() const { return std::min<Duration>(interval / 5, 1s); }

Duration LivenessSettings::judge_every() const { return std::clamp<Duration>(interval / 20, 20ms, 1s); }

void Liveness::expect(const std::vector<std::string>& agents, Instant now) {
  std::lock_guard lock(mutex_);
  ByAgent<Agent> kept;
  kept.reserve(agents.size());
  for (const auto& id : agents) {
    const auto known = agents_.find(id);
    if (known != agents_.end()) {
      kept.emplace(id, known->second);
      continue;
    }
    Agent fresh;
    fresh.heard = now + settings_.grace - settings_.timeout;
    if (const auto stranger = strangers_.find(id); stranger != strangers_.end()) {
      fresh.state = State::alive;
      fresh.heard = std::max(fresh.heard, stranger->second.last);
      strangers_.erase(stranger);
    }
    kept.emplace(id, fresh);
  }
  agents_ = std::move(kept);
}

bool Liveness::heard(std::string_view id, std::uint64_t fingerprint, Instant now) {
  std::lock_guard lock(mutex_);
  ++heartbeats_;
  const auto found = agents_.find(id);
  if (found == agents_.end()) {
    note_stranger(id, now);
    return false;
  }
  Agent& agent = found->second;
  agent.heard = std::max(agent.heard, now);
  agent.probes = 0;
  const bool sample =
      agent.state != State::alive || agent.fingerprint != fingerprint || now - agent.sampled >= settings_.sample_every;
  agent.state = State::alive;
  if (sample) {
    agent.sampled = now;
    agent.fingerprint = fingerprint;
  }
  return sample;
}

void Liveness::note_stranger(std::string_view id, Instant now) {
  if (const auto known = strangers_.find(id); known != strangers_.end()) {
    known->second.last = now;
  } else if (strangers_.size() < most_strangers) {
    strangers_.emplace(std::string(id), Stranger{now, now, false});
  }
}

void Liveness::bus_proved(Instant begun) {
  std::lock_guard lock(mutex_);
  bus_proved_ = std::max(bus_proved_, begun);
}

void Liveness::forgive(Instant now) {
  std::lock_guard lock(mutex_);
  forgive_locked(now);
}

void Liveness::forgive_locked(Instant now) {
  judged_from_ = std::max(judged_from_, now + settings_.grace);
  for (auto& [id, agent] : agents_) {
    if (agent.state == State::silent) agent.state = State::unheard;
  }
}

Liveness::Judgement Liveness::judge(Instant now) {
  std::lock_guard lock(mutex_);
  Judgement judgement;
  // We were not run for a while: what was sent meanwhile is still on its way to us.
  const auto asleep = now - judged_at_;
  if (judged_at_ != Instant{} && asleep > std::max<Duration>(settings_.timeout / 3, 4 * settings_.judge_every()))
    forgive_locked(now);
  judged_at_ = now;
  const bool deaf = now - bus_proved_ > settings_.timeout / 2;
  if (deaf_ && !deaf) forgive_locked(now);
  deaf_ = judgement.deaf = deaf;
  for (auto& [id, agent] : agents_) judge_one(id, agent, now, judgement);
  judge_strangers(now, judgement);
  probes_ += judgement.probe.size();
  return judgement;
}

void Liveness::judge_one(const std::string& id, Agent& agent, Instant now, Judgement& judgement) {
  if (agent.state == State::silent || deaf_) return;
  const auto silence = now - agent.heard;
  if (silence >= settings_.timeout && now >= judged_from_) {
    agent.state = State::silent;
    judgement.silent.push_back(id);
  } else if (silence >= settings_.probe_after() && now - agent.probed >= settings_.probe_every()) {
    agent.probed = now;
    ++agent.probes;
    judgement.probe.push_back(id);
  }
}

void Liveness::judge_strangers(Instant now, Judgement& judgement) {
  for (auto it = strangers_.begin(); it != strangers_.end();) {
    auto& [id, stranger] = *it;
    if (now - stranger.last > settings_.timeout) {
      it = strangers_.erase(it);
      continue;
    }
    if (!stranger.told && now - stranger.first >= settings_.unmanaged_after) {
      stranger.told = true;
      judgement.unmanaged.push_back(id);
    }
    ++it;
  }
}

std::vector<std::string> Liveness::suspects(Instant now) const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, agent] : agents_) {
    if (agent.state == State::alive && agent.probes >= 2 && now - agent.heard >= settings_.interval * 3 / 2)
      ids.push_back(id);
  }
  return ids;
}

bool Liveness::is_alive(const std::string& id) const {
  std::lock_guard lock(mutex_);
  const auto found = agents_.find(id);
  return found != agents_.end() && found->second.state == State::alive;
}

bool Liveness::forgiving(Instant now) const {
  std::lock_guard lock(mutex_);
  return deaf_ || now < judged_from_;
}

Liveness::Counts Liveness::counts() const {
  std::lock_guard lock(mutex_);
  Counts counts;
  for (const auto& [id, agent] : agents_) {
    switch (agent.state) {
      case State::alive:
        ++counts.alive;
        break;
      case State::silent:
        ++counts.silent;
        break;
      case State::unheard:
        ++counts.unheard;
        break;
    }
  }
  counts.unmanaged = strangers_.size();
  counts.heartbeats = heartbeats_;
  counts.probes = probes_;
  return counts;
}

std::uint64_t Liveness::heartbeats() const {
  std::lock_guard lock(mutex_);
  return heartbeats_;
}

std::uint64_t job_state_fingerprint(std::string_view heartbeat) {
  constexpr std::string_view key = "\"job_state\":\"";
  const auto at = heartbeat.find(key);
  if (at == std::string_view::npos) return 0;
  const auto begin = at + key.size();
  return std::hash<std::string_view>()(heartbeat.substr(begin, heartbeat.find('"', begin) - begin));
}

}  // namespace slipway::health
