#pragma once

#include <functional>
#include <memory>
#include <string>

#include "stemcells/agent/node_log.hpp"
#include "stemcells/agent/settings.hpp"

namespace slipway::agent {

struct BusSettings {
  std::vector<std::string> urls;  // nats://host:port; TLS whenever the identity is complete
  BusIdentity identity;
  std::string agent_id;
};

// The message bus: one NATS connection that is made again for ever, with growing pauses and
// jitter. While it is down nothing is kept: publish() drops. The server must carry a name
// below nats.bosh-internal in a certificate of the identity's CA.
class Bus {
 public:
  // Called for each message on agent.<id>, on the bus's own thread, one at a time.
  using Handler = std::function<void(std::string_view payload)>;

  // `probed` is called for each message on hm.probe.<id>, on a thread of its own.
  Bus(BusSettings settings, Handler handler, std::function<void()> probed, NodeLog log);
  ~Bus();

  void start();  // connects in the background
  void stop();   // no handler runs any more when it returns; publish() drops from here on

  bool publish(const std::string& subject, std::string_view payload);  // false: dropped
  void flush();  // waits at most 2 s until the server has it

  // Connects with the new settings first and lets the old connection go afterwards, so that
  // no request is lost. Throws when the new ones do not work; the old connection stays.
  void replace(BusSettings settings);
  // True once, whenever a connection was made since the last call.
  void on_connected(std::function<void()> callback);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// True for "director.<…>" made of plain tokens: the only place an agent answers to.
bool may_reply_to(const std::string& subject);

}  // namespace slipway::agent
