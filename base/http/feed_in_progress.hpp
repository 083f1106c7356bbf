#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "base/http/message.hpp"

namespace slipway::http {

// A connection's body that is not at its end yet. Touched on the connection's strand only.
struct FeedInProgress {
  FeedInProgress(const boost::asio::any_io_executor& executor, FeedBody given, bool in_chunks)
      : timer(executor), body(std::move(given)), chunked(in_chunks) {}
  boost::asio::steady_timer timer;  // of the body's limit
  FeedBody body;
  std::shared_ptr<const Chunk> sent;  // kept until it is written
  const bool chunked;
  bool writing = false;
  bool over = false;
  bool last_chunk_sent = false;
};

}  // namespace slipway::http
